/**
 * Pins the files that engines are made of:
 *
 *   node scripts/pin-artifacts.ts kafka [...]           writes the SHA-256 of every file into checksums/<name>.json
 *   node scripts/pin-artifacts.ts --check kafka [...]   compares only, exit code 1 where something differs
 *
 * Artifacts and versions stand in the same files and are edited by hand; look at the difference before committing it.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksums, fetchArtifacts, mavenPackage } from "../src/targets/embedded/maven.ts";

const names = process.argv.slice(2).filter((word) => word !== "--check");
const check = process.argv.includes("--check");

for (const name of names) {
  const file = join(import.meta.dirname, `../src/targets/embedded/checksums/${name}.json`);
  const wanted = mavenPackage.parse(JSON.parse(await readFile(file, "utf8")));
  const folder = await mkdtemp(join(tmpdir(), "g2p-pin-"));
  try {
    await fetchArtifacts(wanted, folder, () => {});
    const sha256 = await checksums(folder);
    const same = JSON.stringify(sha256) === JSON.stringify(wanted.sha256);
    console.log(`${name} ${wanted.version}: ${Object.keys(sha256).length} files, ${same ? "as pinned" : "changed"}`);
    if (check && !same) process.exitCode = 1;
    if (!check && !same) await writeFile(file, `${JSON.stringify({ ...wanted, sha256 }, undefined, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
