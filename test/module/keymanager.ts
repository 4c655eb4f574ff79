import { createSign, createVerify, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What a G2P Connect module needs of Keymanager and its login service: a token, and the check of a detached signature. */
export interface Keymanager {
  readonly tokenUrl: string;
  readonly verifyUrl: string;
  /** The detached RS256 signature of a message, as its sender puts it into the header `Signature`. */
  sign(message: string): string;
  close(): Promise<void>;
}

/** Starts a service that answers as Keymanager's `jwtVerify` does, with a key pair of its own and real signatures. */
export async function startKeymanager(): Promise<Keymanager> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const token = randomUUID();
  const header = base64url(JSON.stringify({ alg: "RS256" }));
  const isValid = (jwt: string) => {
    const [head = "", payload = "", signature = ""] = jwt.split(".");
    return createVerify("RSA-SHA256").update(`${head}.${payload}`).verify(publicKey, signature, "base64url");
  };
  const server = createServer((request, response) => {
    void (async () => {
      const answer = (status: number, data: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(data));
      const body = await textOf(request);
      if (request.url === "/token") return answer(200, { access_token: token, expires_in: 900 });
      if (request.headers.cookie !== `Authorization=${token}`) return answer(401, { response: null });
      const { jwtSignatureData } = (JSON.parse(body) as { request: { jwtSignatureData: string } }).request;
      return answer(200, { response: { signatureValid: isValid(jwtSignatureData) } });
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    tokenUrl: `${base}/token`,
    verifyUrl: `${base}/verify`,
    sign: (message) => {
      const signer = createSign("RSA-SHA256").update(`${header}.${base64url(message)}`);
      return `${header}..${signer.sign(privateKey, "base64url")}`;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
