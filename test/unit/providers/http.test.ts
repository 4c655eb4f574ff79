import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpOptions, openHttp } from "../../../src/providers/http.ts";
import { makeAuthority, makeServerCertificate } from "../../../src/targets/embedded/certificate.ts";
import { freePort, listenSilently } from "../../support/port.ts";

const authority = makeAuthority("test authority");
const pair = makeServerCertificate(authority, "localhost");

const answer: RequestListener = (request, response) => {
  if (request.url === "/cut") return void request.socket.destroy();
  if (request.url === "/moved") return void response.writeHead(302, { location: "/echo" }).end();
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url, headers } = request;
    const body = Buffer.concat(chunks).toString();
    response.end(JSON.stringify({ method, url, type: headers["content-type"], body, port: request.socket.remotePort }));
  });
};

describe("HTTP of the providers", () => {
  let dir = "";
  let plain: Server;
  let secure: Server;
  let caFile = "";
  let wrongCaFile = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "g2p-http-"));
    caFile = join(dir, "ca.pem");
    wrongCaFile = join(dir, "wrong.pem");
    await writeFile(caFile, authority.certificate);
    await writeFile(wrongCaFile, makeAuthority("another authority").certificate);
    plain = createServer(answer);
    secure = createTlsServer({ cert: pair.certificate, key: pair.key }, answer);
    for (const server of [plain, secure]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  afterAll(async () => {
    for (const server of [plain, secure]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(dir, { recursive: true });
  });

  const port = (server: Server) => (server.address() as AddressInfo).port;
  const ask = async (base: string, path: string, options: Partial<HttpOptions> = {}) => {
    const http = await openHttp({ base, title: "Service", code: "SERVICE", timeoutMs: 5_000, ...options });
    try {
      return await http.request(path);
    } finally {
      http.close();
    }
  };
  const failure = (base: string, path: string, options: Partial<HttpOptions> = {}) =>
    ask(base, path, options).then(
      () => undefined,
      (error: unknown) => error,
    );

  test("sends JSON and forms below the base path, over one kept connection", async () => {
    const base = `http://127.0.0.1:${port(plain)}/v1`;
    const http = await openHttp({ base, title: "Service", code: "SERVICE", connections: 1 });
    try {
      const first = await http.request("/a?b=c", { json: { d: 1 } });
      const second = await http.request("/e", { form: { f: "g&h" } });
      expect(first.json).toMatchObject({ method: "POST", url: "/v1/a?b=c", type: "application/json", body: '{"d":1}' });
      expect(second.json).toMatchObject({ method: "POST", url: "/v1/e", body: "f=g%26h" });
      expect((first.json as { port: number }).port).toBe((second.json as { port: number }).port);
    } finally {
      http.close();
    }
  });

  test("trusts the authority of its file", async () => {
    expect((await ask(`https://127.0.0.1:${port(secure)}`, "/x", { caFile })).status).toBe(200);
  });

  test("follows no redirect", async () => {
    expect((await ask(`http://127.0.0.1:${port(plain)}`, "/moved")).status).toBe(302);
  });

  test("says what prevents an answer", async () => {
    const silent = await listenSilently();
    try {
      const [tls, http] = [`https://127.0.0.1:${port(secure)}`, `http://127.0.0.1:${port(plain)}`];
      const found = [
        await failure(tls, "/x"),
        await failure(tls, "/x", { caFile: wrongCaFile }),
        await failure(tls, "/x", { caFile: join(dir, "nowhere.pem") }),
        await failure(`https://127.0.0.1:${port(plain)}`, "/x", { caFile }),
        await failure(`http://127.0.0.1:${await freePort()}`, "/x"),
        await failure(`http://127.0.0.1:${silent.port}`, "/x", { timeoutMs: 200 }),
        await failure(http, "/cut"),
      ];
      expect(found.map((error) => (error as { code?: string } | undefined)?.code)).toEqual([
        "SERVICE_TLS",
        "SERVICE_TLS",
        "SERVICE_CA_FILE",
        "SERVICE_TLS",
        "SERVICE_UNREACHABLE",
        "SERVICE_TIMEOUT",
        "SERVICE_CONNECTION_LOST",
      ]);
      for (const error of found) expect((error as { hint?: string }).hint).toMatch(/\S/);
    } finally {
      await silent.close();
    }
  });

  test("plain HTTP against TLS is no success", async () => {
    expect(["SERVICE_TLS", "SERVICE_CONNECTION_LOST"]).toContain(
      ((await failure(`http://127.0.0.1:${port(secure)}`, "/x")) as { code?: string }).code,
    );
  });
});
