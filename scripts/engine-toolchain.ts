/**
 * Sees to the programs that `npm run test:engines` needs and that npm does not bring: Java and Maven (Kafka, OpenSearch, Keycloak, Keymanager), Go or
 * `minio` (MinIO), `redis-server`. As root on Debian what is missing is installed; elsewhere it is named and the exit code is 1, since
 * tests that do not run must not look like tests that passed.
 */
import { execFileSync } from "node:child_process";

/** Programs of which one must be there, and the Debian package that brings one. */
const NEEDED = [
  { programs: ["java"], debian: "openjdk-17-jre-headless" },
  { programs: ["mvn"], debian: "maven" },
  { programs: ["minio", "go"], debian: "golang-go" },
  { programs: ["redis-server"], debian: "redis-server" },
  // A real module of OpenG2P's comes from PyPI.
  { programs: ["python3"], debian: "python3-venv" },
] as const;

function isThere(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const missing = () => NEEDED.filter(({ programs }) => !programs.some(isThere));

if (missing().length > 0 && process.getuid?.() === 0 && isThere("apt-get")) {
  const packages = missing().map(({ debian }) => debian);
  console.error(`Installing ${packages.join(", ")}.`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // A server that the package starts by itself would be in nobody's way, but is not wanted either.
  const apt = (...words: string[]) => execFileSync("apt-get", ["-q", ...words], { stdio: "inherit", env });
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...packages);
}

const still = missing();
if (still.length > 0) {
  console.error("The engines' tests cannot run; this machine has none of:");
  for (const { programs, debian } of still) console.error(`  ${programs.join(" or ")} (Debian package ${debian})`);
  process.exitCode = 1;
}
