/** Major versions that tests run on. */
export type Major = 15 | 16 | 18;

/** Who administers the server: a superuser, or a role with only LOGIN CREATEDB CREATEROLE. */
export type AdminKind = "superuser" | "lesser admin";

/** A server version with a kind of admin. */
export interface Combination {
  readonly version: Major;
  readonly admin: AdminKind;
}

const ALL: readonly Combination[] = ([15, 16, 18] as const).flatMap((version) => [
  { version, admin: "superuser" },
  { version, admin: "lesser admin" },
]);

/** One of each kind of admin, and the newest version and an older one: what a quick run tries. */
const QUICK = new Set(["18 superuser", "16 lesser admin"]);

/**
 * The combinations that this run tries, printed so that nobody takes a quick run for a full one: all six with
 * `G2P_TEST_FULL=1`, those of the versions listed in `G2P_TEST_VERSIONS` (`15,18`), else two.
 */
export function combinations(suite: string, env: NodeJS.ProcessEnv = process.env): readonly Combination[] {
  const versions = env["G2P_TEST_VERSIONS"]?.split(",").map(Number);
  const chosen =
    versions !== undefined
      ? ALL.filter((one) => versions.includes(one.version))
      : env["G2P_TEST_FULL"] === "1"
        ? ALL
        : ALL.filter((one) => QUICK.has(text(one)));
  if (chosen.length === 0) throw new Error(`G2P_TEST_VERSIONS=${env["G2P_TEST_VERSIONS"]} names none of 15, 16, 18`);
  const rest = ALL.filter((one) => !chosen.includes(one)).map(text);
  const missing = rest.length === 0 ? "all there are" : `NOT ${rest.join(", ")} (G2P_TEST_FULL=1 runs all)`;
  process.stderr.write(`\n${suite} runs on PostgreSQL ${chosen.map(text).join(", ")}; ${missing}\n`);
  return chosen;
}

/**
 * Those of a run's combinations that one of many cases is tried on. With `G2P_TEST_FULL=1` all cases on all six would take
 * too long: each is tried on the two of a quick run, where it is possible there, and on one of the others in turn, so that it is tried
 * on two at least and each combination gets its share. `G2P_TEST_VERSIONS=15,16,18` tries all on all.
 *
 * @param index number of the case, by which it takes its turn
 * @param possible combinations of the run in which the case can happen
 */
export function inTurn(
  index: number,
  possible: readonly Combination[],
  env: NodeJS.ProcessEnv = process.env,
): readonly Combination[] {
  if (env["G2P_TEST_VERSIONS"] !== undefined || env["G2P_TEST_FULL"] !== "1") return possible;
  const others = possible.filter((one) => !QUICK.has(text(one)));
  const turn = others[index % others.length];
  return possible.filter((one) => one === turn || QUICK.has(text(one)));
}

function text(one: Combination): string {
  return `${one.version} ${one.admin}`;
}
