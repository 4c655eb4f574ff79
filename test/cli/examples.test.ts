import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { makePlace, onTerminal, type Place, ROOT } from "./harness.ts";

const EXAMPLES = join(ROOT, "examples");

/** Proven on a prepared server by external.test.ts, with its module by ../engines/spar.test.ts, with all engines by ../engines/commons.test.ts. */
const ELSEWHERE = ["legacy-names", "spar", "all-services"];

let place: Place | undefined;
afterEach(async () => {
  await place?.remove();
  place = undefined;
});

test.each(readdirSync(EXAMPLES).filter((name) => !ELSEWHERE.includes(name)))(
  "examples/%s comes up, its walls hold, and there is nothing left to do",
  async (name) => {
    place = makePlace("");
    cpSync(join(EXAMPLES, name), place.dir, { recursive: true });
    const { code, data } = await place.json<{
      summary: Record<string, number>;
      verify: { ok: boolean; cells: unknown[] };
    }>("up", "--detach");
    expect([code, data.summary["failed"], data.verify?.ok], JSON.stringify(data.summary)).toEqual([0, 0, true]);
    expect(await place.g2p("plan")).toMatchObject({ code: 0 });
    expect(await place.g2p("status")).toMatchObject({ code: 0 });
  },
);

test("examples/legacy-names is valid", async () => {
  place = makePlace(readFileSync(join(EXAMPLES, "legacy-names/g2p.yaml"), "utf8"));
  expect(await place.g2p("validate")).toMatchObject({ code: 0 });
});

test("npm start is up on the first example", async () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(scripts["start"]).toMatch(/bin\/g2p up -f examples\/two-sandboxes\/g2p\.yaml$/);
  place = makePlace("");
  const terminal = await onTerminal(
    ["up", "-f", "examples/two-sandboxes/g2p.yaml", "--state", join(place.dir, ".g2p")],
    { cwd: ROOT },
  );
  await terminal.until("Ctrl-C stops the servers");
  const shown = terminal.said();
  for (const instance of ["farmers", "students", "pbms", "g2p-bridge", "spar"]) expect(shown).toContain(instance);
  expect(shown).toContain("g2p bindings -f examples/two-sandboxes/g2p.yaml --state");
  terminal.type("\u0003");
  expect(await terminal.ended).toMatchObject({ code: 0 });
});
