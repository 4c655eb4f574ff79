"""Signs each line of its input as OpenG2P's modules do, with their library's own settings: a detached JWT a line."""

import asyncio
import sys

from openg2p_fastapi_common.utils.crypto import KeymanagerCryptoHelper


async def main():
    helper = KeymanagerCryptoHelper()
    for line in sys.stdin:
        print(await helper.create_jwt_token(line.rstrip("\n"), include_payload=False))
    await helper.aclose()


asyncio.run(main())
