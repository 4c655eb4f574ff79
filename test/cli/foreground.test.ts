import { afterEach, beforeEach, expect, test } from "vitest";
import {
  bindingsOf,
  environmentFile,
  makePlace,
  onTerminal,
  type Place,
  query,
  serverProcesses,
  startG2p,
} from "./harness.ts";

let place: Place;
beforeEach(() => {
  place = makePlace(environmentFile({ dev: ["spar", "{module: spar, name: second}", "{module: spar, name: third}"] }));
});
afterEach(() => place.remove());

const upInForeground = (...options: string[]) => startG2p(["up", ...options], { cwd: place.dir });

/** What `up` says once it stays. */
const STAYS = "Ctrl-C stops the servers";

test("up stays until it is told to end, which is its normal end, and stops its server", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const up = await upInForeground();
    await up.until(STAYS);
    expect(serverProcesses(place.dir)).toHaveLength(1);
    up.signal(signal);
    const { code, stderr } = await up.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/Stopping\. .*\nStopped postgresql\. Data and credentials stay in .*\.g2p\.\n$/);
    expect(serverProcesses(place.dir)).toEqual([]);
  }
});

test("up on a terminal ends likewise by Ctrl-C, with a live view of its work before", async () => {
  const terminal = await onTerminal(["up"], { cwd: place.dir });
  await terminal.until(STAYS);
  terminal.type("\u0003");
  const { code, screen } = await terminal.ended;
  expect(code, screen).toBe(0);
  expect(screen).toContain("\u001b[?25l"); // the live view hides the cursor,
  expect(screen.lastIndexOf("\u001b[?25h")).toBeGreaterThan(screen.lastIndexOf("\u001b[?25l")); // and shows it again
  expect(screen).toContain("Stopped postgresql.");
  expect(serverProcesses(place.dir)).toEqual([]);
});

test.each(["Starting postgresql", "Applying", "Trying "])(
  "interrupted at %s ends with 130 and stops what it started; the next run completes the work",
  async (moment) => {
    const up = await upInForeground();
    await up.until(moment);
    up.signal("SIGINT");
    const { code, stderr } = await up.ended;
    expect(code, stderr).toBe(130);
    expect(serverProcesses(place.dir)).toEqual([]);
    const again = await place.json("up", "--detach");
    expect(again).toMatchObject({ code: 0, data: { verify: { ok: true } } });
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
  },
);

test("killed without warning leaves its server to the next up, which takes it over and stops it", async () => {
  const up = await upInForeground();
  await up.until(STAYS);
  const [server] = serverProcesses(place.dir);
  up.signal("SIGKILL");
  expect(await up.ended).toMatchObject({ code: 137 });
  expect(serverProcesses(place.dir)).toEqual([server]);

  const next = await upInForeground("--json");
  await next.until("\n}\n");
  expect(serverProcesses(place.dir)).toEqual([server]);
  next.signal("SIGINT");
  const { code, stdout } = await next.ended;
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    expect.objectContaining({ summary: { created: 0, updated: 0, unchanged: 3, removed: 0, failed: 0 } }),
  ]);
  expect(serverProcesses(place.dir)).toEqual([]);
});

test("a server that ends by itself ends up with an error, as JSON too one document on stdout", async () => {
  const up = await upInForeground("--json");
  await up.until("\n}\n");
  const [server = 0] = serverProcesses(place.dir);
  process.kill(server, "SIGQUIT");
  const { code, stdout, stderr } = await up.ended;
  expect([code, stderr]).toEqual([1, expect.stringContaining("error EMBEDDED_ENDED: postgresql has ended by itself.")]);
  expect(JSON.parse(stdout)).toMatchObject({ verify: { ok: true } });
});

test("two ups of one environment at once agree on one server and one set of credentials", async () => {
  const ups = await Promise.all([place.json("up", "--detach"), place.json("up", "--detach")]);
  for (const { code, data } of ups) expect(code, JSON.stringify(data)).toBe(0);
  expect(serverProcesses(place.dir)).toHaveLength(1);
  const { main } = await bindingsOf(place, "dev/second");
  expect(main && (await query(main, "SELECT session_user::text AS login"))).toEqual([{ login: "dev__second___a" }]);
});
