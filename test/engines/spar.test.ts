import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Binding,
  bindingsOf,
  g2p,
  makePlace,
  type Place,
  query,
  type Running,
  ROOT,
  startG2p,
} from "../cli/harness.ts";
import { freePort } from "../support/port.ts";
import { registerPartner } from "./spar/partner.ts";
import { pythonWith } from "./spar/python-environment.ts";

/** OpenG2P's SPAR mapper API as PyPI has it, with the newest releases of its dependencies that it runs with. */
const SPAR = [
  "openg2p-spar-mapper-api==1.1.0",
  "openg2p-g2pconnect-common-lib<2",
  "openg2p-g2pconnect-mapper-lib<2",
  "openg2p-fastapi-common~=1.1.2",
  "sqlalchemy[asyncio]<2.1",
  "fastapi<0.116",
  "starlette<0.47",
  "pydantic<2.12",
];

const ID = "token:1234@nationalId";
const ACCOUNT = "account_no:7777.bank_code:EXBK@bank";
const WHEN = new Date().toISOString();

/** What the sender sends, in order; each is signed as it stands. */
const MESSAGES = {
  link: message("link", {
    id: ID,
    fa: ACCOUNT,
    name: "Asha",
    phone_number: "+919999",
    additional_info: [{ ward: 7 }],
  }),
  resolve: message("resolve", { id: ID, scope: "details" }),
  update: message("update", { id: ID, fa: `${ACCOUNT}2` }),
  unlink: message("unlink", { id: ID, fa: `${ACCOUNT}2` }),
  forged: message("link", { id: "token:forged", fa: "x" }),
  stranger: message("link", { id: "token:strange", fa: "x" }, "stranger"),
} as const;

let python: string;
let place: Place;
let bindings: Record<string, Binding>;
let main: Binding;
let superset: Binding;
let signatures: Record<keyof typeof MESSAGES, string>;
let api: Running | undefined;
let base: string;

/** A G2P Connect request of one entry. */
function message(action: "link" | "resolve" | "update" | "unlink", entry: Record<string, unknown>, sender = "sender") {
  const header = {
    version: "1.0.0",
    message_id: `m-${action}`,
    message_ts: WHEN,
    action,
    sender_id: sender,
    sender_uri: "",
    receiver_id: "spar",
    total_count: 1,
    is_msg_encrypted: false,
  };
  const requests = [{ reference_id: `r-${action}`, timestamp: WHEN, locale: "en", ...entry }];
  const text = JSON.stringify({
    header,
    message: { transaction_id: `t-${action}`, [`${action}_request`]: requests },
  });
  return { action, text };
}

beforeAll(async () => {
  python = await pythonWith("spar", SPAR);
  const example = readFileSync(join(ROOT, "examples/spar/g2p.yaml"), "utf8");
  place = makePlace(`${example}      - module: ./sender.yaml\n`);
  for (const file of ["main.py", "sign.py", "sender.yaml"])
    copyFileSync(join(import.meta.dirname, "spar", file), join(place.dir, file));
  const up = await place.g2p("up", "--detach");
  expect(up, up.stderr).toMatchObject({ code: 0 });
  bindings = await bindingsOf(place, "dev/spar");
  ({ main, superset } = bindings as { main: Binding; superset: Binding });
}, 900_000);

afterAll(async () => {
  api?.signal("SIGTERM");
  await api?.ended;
  await place?.remove();
});

/** Sends a message with its own signature, or with that of another one. */
async function send(name: keyof typeof MESSAGES, signed: keyof typeof MESSAGES = name) {
  const { action, text } = MESSAGES[name];
  const response = await fetch(`${base}/sync/${action}`, {
    method: "POST",
    headers: { "content-type": "application/json", signature: signatures[signed] },
    body: text,
  });
  const data = (await response.json()) as { header: unknown; message?: Record<string, Record<string, unknown>[]> };
  return { status: response.status, header: data.header, entry: data.message?.[`${action}_response`]?.[0] };
}

test("a sender signs with its own key, and SPAR's Keymanager is given its certificate", async () => {
  const input = Object.values(MESSAGES).map(({ text }) => `${text}\n`);
  const signed = await g2p(["exec", "dev/sender", "--", python, "sign.py"], { cwd: place.dir, input: input.join("") });
  const lines = signed.stdout.trim().split("\n");
  expect([signed.code, lines.length], signed.stderr).toEqual([0, input.length]);
  signatures = Object.fromEntries(Object.keys(MESSAGES).map((name, index) => [name, lines[index]])) as never;
  const sender = await bindingsOf(place, "dev/sender");
  await registerPartner(place.dir, { of: bindings["keys"]!, name: "PARTNER_SENDER", signs: sender["keys"]! });
});

test("migrates itself with nothing but its own variables", async () => {
  const { code, stdout, stderr } = await place.g2p("exec", "dev/spar", "--", python, "main.py", "migrate");
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining("Migrating database")]);
});

test("serves on its database", async () => {
  const port = await freePort();
  api = await startG2p(["exec", "dev/spar", "--", python, "main.py", "run"], {
    cwd: place.dir,
    env: { SPAR_MAPPER_APP_HOST: "127.0.0.1", SPAR_MAPPER_APP_PORT: String(port) },
  });
  base = `http://127.0.0.1:${port}`;
  let ended = "";
  void api.ended.then(({ stderr }) => (ended = `it ended: ${stderr}`));
  await expect
    .poll(async () => ended || (await fetch(`${base}/ping`).catch(() => undefined))?.status, {
      timeout: 60_000,
      interval: 100,
    })
    .toBe(200);
});

test("links an id to an account, resolves it and updates it over HTTP", async () => {
  const linked = await send("link");
  expect(linked, JSON.stringify(linked)).toMatchObject({
    status: 200,
    header: { action: "link", status: "succ" },
    entry: { status: "succ", fa: ACCOUNT },
  });
  const again = await send("link");
  expect(again.entry).toMatchObject({ status: "rjct", status_reason_code: "rjct.reference_id.duplicate" });

  const resolved = await send("resolve");
  expect(resolved.entry).toMatchObject({ status: "succ", id: ID, fa: ACCOUNT });

  expect((await send("update")).entry).toMatchObject({ status: "succ" });
  expect((await send("resolve")).entry).toMatchObject({ fa: `${ACCOUNT}2` });
});

test.each([
  ["whose signature is of another one", "forged", "link"],
  ["of a sender whose certificate Keymanager was not given", "stranger", "stranger"],
] as const)("refuses a message %s, and keeps nothing of it", async (_, sent, signed) => {
  const { header } = await send(sent, signed);
  expect(header).toMatchObject({ status: "rjct", status_reason_code: "rjct.jwt.invalid" });
  expect(await query(main, "SELECT 1 FROM id_fa_mappings WHERE fa_value = 'x'")).toEqual([]);
});

test("leaves its rows in tables that the owner role owns, whoever made them", async () => {
  expect(await query(main, "SELECT id_value, fa_value, name, phone, active FROM id_fa_mappings")).toEqual([
    { id_value: ID, fa_value: `${ACCOUNT}2`, name: "Asha", phone: "+919999", active: true },
  ]);
  const owners = await query(
    main,
    `SELECT c.relname, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S') ORDER BY 1`,
  );
  expect(owners).toEqual([
    { relname: "id_fa_mappings", owner: "dev__spar___owner" },
    { relname: "id_fa_mappings_id_seq", owner: "dev__spar___owner" },
  ]);
});

test("is read by the reporting user, who can change nothing", async () => {
  expect(superset.username).not.toBe(main.username);
  expect(await query(superset, "SELECT id_value FROM id_fa_mappings")).toEqual([{ id_value: ID }]);
  for (const statement of [
    "INSERT INTO id_fa_mappings (id_value, fa_value, active, created_at) VALUES ('x', 'x', true, now())",
    "UPDATE id_fa_mappings SET fa_value = 'mine'",
    "DELETE FROM id_fa_mappings",
    "TRUNCATE id_fa_mappings",
    "DROP TABLE id_fa_mappings",
    "CREATE TABLE public.mine ()",
  ])
    await expect(query(superset, statement), statement).rejects.toThrow(/permission denied|must be owner/);
});

test("is no drift: plan has nothing to do, verify finds every wall in place", async () => {
  expect(await place.g2p("plan")).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing to do") });
  const { code, data } = await place.json<{ ok: boolean }>("verify");
  expect([code, data.ok]).toEqual([0, true]);
  const status = await place.g2p("status");
  expect(status, status.stdout).toMatchObject({ code: 0 });
});

test("unlinks the id", async () => {
  expect((await send("unlink")).entry).toMatchObject({ status: "succ" });
  expect((await send("resolve")).entry).toMatchObject({
    status_reason_code: "succ.fa.not_linked_to_id",
  });
  expect(await query(superset, "SELECT count(*)::int AS rows FROM id_fa_mappings")).toEqual([{ rows: 0 }]);
});

test("keeps its data until it is told to go, and then leaves nothing", async () => {
  api?.signal("SIGTERM");
  await api?.ended;
  expect(await place.g2p("remove", "dev/spar")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("dev__spar"),
  });
  expect(await query(main, "SELECT count(*)::int AS rows FROM id_fa_mappings")).toEqual([{ rows: 0 }]);

  const removed = await place.g2p("remove", "dev/spar", "--delete-data", "--yes");
  expect(removed, removed.stderr).toMatchObject({ code: 0 });
  await expect(query(main, "SELECT 1")).rejects.toThrow();
  await expect(query(superset, "SELECT 1")).rejects.toThrow();
  const { data } = await place.json<{ items: { instance: string; action: string }[] }>("plan");
  const actions = (instance: string) => data.items.filter((one) => one.instance === instance).map((one) => one.action);
  expect(actions("spar")).toEqual(["create", "create", "create", "create"]);
  expect(new Set(actions("sender"))).toEqual(new Set(["unchanged"]));
  expect(existsSync(join(place.dir, ".g2p/credentials/dev/spar"))).toBe(false);
  expect(await place.g2p("down")).toMatchObject({ code: 0, stdout: expect.stringContaining("Stopped postgresql") });
});
