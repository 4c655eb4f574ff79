import { mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ServiceError } from "../../model/error.ts";
import { errorCode } from "../../providers/postgresql/connection.ts";
import type { RunAs } from "./run-as.ts";
import { lastLines } from "./launch.ts";
import { own } from "./owned-file.ts";
import { spawnTied } from "./tied-process.ts";
import { unzip } from "./unzip.ts";

const BUILD_TIMEOUT_MS = 900_000;

/**
 * How every Keycloak process of ours is run, without the shell script that the distribution brings: what that script passes (`bin/kc.sh`),
 * with a small heap and only the quick compiler, which halves the start.
 *
 * @param lib folder with Keycloak's classes
 * @param home folder of this process's own `conf` and `data`
 */
export function javaArguments(lib: string, home: string): string[] {
  const open = ["java.util", "java.util.concurrent", "java.security", "java.lang"];
  return [
    "-Xms64m",
    "-Xmx384m",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
    "-Djava.awt.headless=true",
    "-Djava.security.egd=file:/dev/urandom",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    "-Dquarkus-log-max-startup-records=10000",
    ...open.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    `-Dkc.home.dir=${home}`,
    `-Djboss.server.config.dir=${join(home, "conf")}`,
    "-cp",
    join(lib, "quarkus-run.jar"),
    "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
  ];
}

/**
 * Unpacks the distribution in a folder and builds it for PostgreSQL, which takes most of a minute and spares every start that
 * time (Keycloak documentation, "Configuring Keycloak", optimized start).
 *
 * @throws ServiceError `KEYCLOAK_BUILD_FAILED`
 */
export async function unpackAndBuild(folder: string, version: string, java: string): Promise<void> {
  await unzip(join(folder, `dist/keycloak-quarkus-dist-${version}.zip`), folder);
  await rm(join(folder, "dist"), { recursive: true });
  const unpacked = join(folder, `keycloak-${version}`);
  for (const name of await readdir(unpacked)) await rename(join(unpacked, name), join(folder, name));
  await rm(unpacked, { recursive: true });
  const args = [...javaArguments(join(folder, "lib"), folder), "build", "--db=postgres"];
  const child = spawnTied(java, args, { cwd: folder, timeout: BUILD_TIMEOUT_MS });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === 0) return;
  throw new ServiceError(
    `Keycloak ${version} could not be built for PostgreSQL. Its last words:\n${lastLines(stdout + stderr) || "(none)"}`,
    { code: "KEYCLOAK_BUILD_FAILED", hint: "Check memory and disk, and that java is version 17 or newer." },
  );
}

/** Makes a server's own folders. The classes are a link to the shared ones: Keycloak looks for them below its home, too. */
export async function layOutServer(home: string, dataDir: string, user: RunAs | undefined): Promise<void> {
  for (const name of ["conf", "data", "tmp"]) {
    await mkdir(join(dataDir, name), { recursive: true, mode: 0o700 });
    await own(join(dataDir, name), user);
  }
  const link = join(dataDir, "lib");
  await rm(link, { force: true });
  await symlink(join(home, "lib"), link).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
}
