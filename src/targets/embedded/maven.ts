import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import { ServiceError } from "../../model/error.ts";
import type { Emit } from "../../model/event.ts";
import { cacheDir } from "./cache-dir.ts";
import { fillEngineFolder, withPatientLock } from "./engine-folder.ts";
import { findProgram } from "./find-program.ts";
import { spawnTied } from "./tied-process.ts";

const PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8";
const LINES_SHOWN = 6;

const artifact = z.strictObject({
  /** `groupId:artifactId:version`, then the type where it is not `jar`. */
  coordinates: z.string().regex(/^[\w.-]+:[\w.-]+:[\w.-]+(:[\w.-]+)?$/),
  /** Folder inside the engine's folder. */
  into: z.string().regex(/^[\w-][\w./-]*$/),
  /** With everything that it needs at run time. */
  transitive: z.boolean(),
});

/** A file `checksums/<name>.json`: what an engine is made of. */
export const mavenPackage = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  version: z.string(),
  artifacts: z.array(artifact).min(1),
  /** SHA-256 of every file by its path in the engine's folder, written by `scripts/pin-artifacts.ts`. */
  sha256: z.record(z.string(), z.string()),
});
export type MavenPackage = z.infer<typeof mavenPackage>;

/** One line that says what is missing on this machine to use {@link installMaven}, or undefined. */
export async function mavenMissing(): Promise<string | undefined> {
  const found = await Promise.all(["mvn", "java"].map(findProgram));
  if (found.every((path) => path !== undefined)) return undefined;
  return "needs Java 17 or newer and Maven (java and mvn on PATH; Debian: apt-get install openjdk-17-jre-headless maven)";
}

/**
 * Puts the artifacts of a package into the cache, `engines/<name>-<version>/<into>/`, unless they are there. Maven is used as it
 * is configured on this machine, with a local repository inside our cache, so an interrupted download goes on where it
 * stopped. Every file must have its pinned SHA-256, and no file may be there that is not pinned.
 *
 * @param finish works in the folder before it gets its name, e.g. unpacks an archive; its files are not checked
 * @returns the folder: complete, readable by every user, never changed again
 * @throws ServiceError `MAVEN_MISSING`, `MAVEN_FAILED`, or `ARTIFACT_CHECKSUM` naming the file; nothing is installed then
 */
export async function installMaven(
  wanted: MavenPackage,
  emit: Emit,
  finish: (folder: string) => Promise<void> = async () => {},
): Promise<string> {
  const title = `${wanted.name} ${wanted.version}`;
  return fillEngineFolder(
    wanted.name,
    wanted.version,
    async (staging) => {
      await fetchArtifacts(wanted, staging, emit);
      check(wanted, await checksums(staging));
      await finish(staging);
    },
    () => emit({ type: "note", level: "info", text: `another process installs ${title}; waiting for it` }),
  );
}

/** Copies the artifacts into a folder, unchecked; used by {@link installMaven} and to pin them. */
export async function fetchArtifacts(wanted: MavenPackage, folder: string, emit: Emit): Promise<void> {
  const mvn = await findProgram("mvn");
  if (mvn === undefined)
    throw new ServiceError(`${wanted.name} ${wanted.version} cannot be installed: no mvn on PATH.`, {
      code: "MAVEN_MISSING",
      hint: "Install Maven and Java 17 or newer, or use an external server: `mode: external`.",
    });
  const step = `install ${wanted.name}`;
  const total = Math.max(1, Object.keys(wanted.sha256).length);
  const begun = performance.now();
  const end = (outcome: "done" | "failed") => emit({ type: "step-end", step, outcome, ms: performance.now() - begun });
  emit({ type: "step-start", step, title: `Installing ${wanted.name} ${wanted.version}`, total });
  let done = 0;
  const onFile = (doing: string) =>
    emit({ type: "step-progress", step, done: Math.min(++done, total), total, doing: `downloaded ${doing}` });
  try {
    await mkdir(cacheDir(), { recursive: true, mode: 0o711 });
    // Maven's local repository is not made for several processes at a time.
    await withPatientLock(
      join(cacheDir(), "maven.lock"),
      async () => {
        for (const group of groups(wanted)) await copy(mvn, group, folder, onFile);
      },
      () => emit({ type: "note", level: "info", text: "another process downloads; waiting for it" }),
    );
    end("done");
  } catch (error) {
    end("failed");
    throw error;
  }
}

/** SHA-256 of every file below a folder, by its path there. */
export async function checksums(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const sums: Record<string, string> = {};
  for (const file of files) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    sums[relative(folder, file).replaceAll(sep, "/")] = hash.digest("hex");
  }
  return sums;
}

interface Group {
  readonly into: string;
  readonly transitive: boolean;
  readonly coordinates: readonly string[];
}

/** Artifacts that one run of Maven can copy; together they get one version of everything they need. */
function groups(wanted: MavenPackage): Group[] {
  const all = Map.groupBy(wanted.artifacts, (one) => `${one.into} ${one.transitive}`);
  return [...all.values()].flatMap((members) => {
    const [first] = members;
    return first === undefined ? [] : [{ ...first, coordinates: members.map((one) => one.coordinates) }];
  });
}

async function copy(mvn: string, group: Group, folder: string, onFile: (name: string) => void): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "g2p-maven-"));
  try {
    const pom = join(work, "pom.xml");
    await writeFile(pom, pomOf(group.coordinates, group.transitive));
    await run(
      mvn,
      [
        "--batch-mode",
        `--file=${pom}`,
        `-Dmaven.repo.local=${join(cacheDir(), "maven")}`,
        `${PLUGIN}:copy-dependencies`,
        "-DincludeScope=runtime",
        `-DexcludeTransitive=${!group.transitive}`,
        `-DoutputDirectory=${join(folder, group.into)}`,
      ],
      work,
      onFile,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * A project that does nothing but need these artifacts. Without what they themselves need: Maven would resolve it all the same, and some of
 * it names repositories that are long gone.
 */
function pomOf(coordinates: readonly string[], transitive: boolean): string {
  const alone = transitive
    ? ""
    : "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>";
  const dependencies = coordinates.map((text) => {
    const [groupId = "", artifactId = "", version = "", type = "jar"] = text.split(":");
    return `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version><type>${type}</type>${alone}</dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging><dependencies>${dependencies.join("")}</dependencies></project>\n`;
}

async function run(mvn: string, args: readonly string[], cwd: string, onFile: (name: string) => void): Promise<void> {
  const child = spawnTied(mvn, args, { cwd });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const errors: string[] = [];
  child.stderr.resume();
  for await (const line of createInterface({ input: child.stdout })) {
    const file = /^\S*\s*Downloaded from .*\/([^/ ]+\.(?:jar|zip))\b/.exec(line)?.[1];
    if (file !== undefined) onFile(file);
    if (line.includes("[ERROR]")) errors.push(withoutUser(line.replace(/^.*\[ERROR\]\S*\s*/, "")));
  }
  const code = await ended;
  if (code === 0) return;
  const said = errors.filter((line) => line !== "").slice(0, LINES_SHOWN);
  throw new ServiceError(`Maven failed (exit code ${code}): ${said.join("\n") || "it said nothing"}`, {
    code: "MAVEN_FAILED",
    hint: "Check the network and Maven's settings.xml, then run the command again: finished downloads are kept.",
  });
}

/** User and password of an address never reach a message. */
function withoutUser(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]+@/g, "//");
}

function check(wanted: MavenPackage, found: Readonly<Record<string, string>>): void {
  const title = `${wanted.name} ${wanted.version}`;
  for (const [file, sha256] of Object.entries(wanted.sha256)) {
    if (found[file] === sha256) continue;
    throw failure(
      found[file] === undefined
        ? `${title} lacks the file ${file}`
        : `The file ${file} of ${title} has SHA-256 ${found[file]}, expected ${sha256}`,
    );
  }
  const extra = Object.keys(found).find((file) => wanted.sha256[file] === undefined);
  if (extra !== undefined) throw failure(`${title} came with a file that is not pinned: ${extra}`);
}

function failure(text: string): ServiceError {
  return new ServiceError(`${text}. Nothing was installed.`, {
    code: "ARTIFACT_CHECKSUM",
    hint: `Delete ${join(cacheDir(), "maven")} and run the command again; if it stays, do not trust where Maven downloads from.`,
  });
}
