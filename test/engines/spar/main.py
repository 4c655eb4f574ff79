"""Entry point as upstream's images have it; the PyPI package carries none."""

# ruff: noqa: E402
from openg2p_spar_mapper_api.app import Initializer

main = Initializer()

from openg2p_fastapi_common.ping import PingInitializer

PingInitializer()
app = main.return_app()

if __name__ == "__main__":
    main.main()
