import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  MODULE,
  passwordVariables,
  type Service,
  SERVICES,
  type Servers,
  startServers,
  userFile,
} from "../test/engines/external-servers.ts";
import { g2p, ROOT } from "./command.ts";
import { type Bench, ratio } from "./context.ts";
import type { BenchEnvironment } from "./environment.ts";
import { type Figure, median } from "./figure.ts";

const PER_SANDBOX = 5;
const NOTHING_TO_DO = 1 / 15;
const BESIDE_THE_SLOWEST = 1.3;
const MOST_MB = 250;

/** Targets of the whole commons on one machine, with everything downloaded and built. */
const FIRST_UP_S = 240;
const SECOND_UP_S = 90;
const SERVICES_MB = 2_500;

/** Instances with a claim on each of the seven services, on servers that run already. */
export const services: Bench = {
  title: "every service: first apply, nothing to do, all beside the slowest alone, memory (N=20 instances)",
  run: async (context) => {
    const n = context.n ?? 20;
    context.tell("starting the servers");
    const servers = await startServers();
    try {
      return await measure(servers, n, context.tell);
    } finally {
      await servers.place.remove();
    }
  },
};

async function measure(servers: Servers, n: number, tell: (text: string) => void): Promise<Figure[]> {
  const bench = "services";
  const whole = writeUser(servers, "bench-all", MODULE, n);
  tell("first apply");
  const first = await g2p(["apply"], whole, { memory: true });
  tell("nothing to do");
  const again: number[] = [];
  const quick: number[] = [];
  let mb = 0;
  for (let round = 0; round < 3; round += 1) {
    const ran = await g2p(["apply"], whole, { memory: true });
    again.push(ran.ms);
    mb = Math.max(mb, ran.peakMb);
    quick.push((await g2p(["apply", "--quick"], whole)).ms);
  }
  whole.remove();
  const alone = new Map<Service, number>();
  for (const service of SERVICES) {
    tell(`${service} alone`);
    const user = writeUser(servers, `bench-${service}`, only(service), n);
    alone.set(service, (await g2p(["apply"], user)).ms);
    user.remove();
  }
  const seconds = (what: string, ms: number, more: Partial<Figure> = {}): Figure => {
    return { bench, what, value: ms / 1000, unit: "s", ...more };
  };
  const [slowest = "postgresql"] = [...alone].sort(([, a], [, b]) => b - a).map(([service]) => service);
  return [
    seconds(`first apply of all services, N=${n}`, first.ms, {
      ratio: ratio(`${slowest} alone`, first.ms, alone.get(slowest) ?? NaN),
      target: BESIDE_THE_SLOWEST,
    }),
    seconds("apply, nothing to do", median(again), {
      ratio: ratio("first", median(again), first.ms),
      target: NOTHING_TO_DO,
    }),
    seconds("apply --quick, nothing to do", median(quick), { ratio: ratio("first", median(quick), first.ms) }),
    { bench, what: "resident memory, first apply", value: first.peakMb, unit: "MB", target: MOST_MB },
    { bench, what: "resident memory, nothing to do", value: mb, unit: "MB", target: MOST_MB },
    ...[...alone].map(([service, ms]) => seconds(`first apply of ${service} alone`, ms)),
  ];
}

/** The descriptor with one service's claims alone. */
function only(service: Service): string {
  const [head = "", claims = ""] = MODULE.split("claims:\n");
  const kept = claims
    .split("\n")
    .filter((line) => (/service: (\w+)/.exec(line)?.[1] ?? "postgresql") === service && line.trim() !== "")
    .map((line) => line.replace(", client: service", ""));
  return `${head}claims:\n${kept.join("\n")}\n`;
}

function writeUser(servers: Servers, name: string, module: string, instances: number): BenchEnvironment {
  const dir = mkdtempSync(join(tmpdir(), "g2p-bench-"));
  const sandboxes: string[] = [];
  for (let at = 0; at < instances; at += PER_SANDBOX) {
    const count = Math.min(PER_SANDBOX, instances - at);
    const entries = Array.from({ length: count }, (_, index) => `{ module: ./app.yaml, name: app-${index + 1} }`);
    sandboxes.push(`  - { name: box-${sandboxes.length + 1}, modules: [${entries.join(", ")}] }`);
  }
  writeFileSync(join(dir, "app.yaml"), module);
  const file = join(dir, "g2p.yaml");
  writeFileSync(file, userFile(servers, { name, sandboxes: sandboxes.join("\n") }));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  return { dir, file, env: passwordVariables(servers), remove };
}

/** The whole commons of `examples/all-services`, run by g2p itself, with everything downloaded and built before. */
export const up: Bench = {
  title: "examples/all-services: first up, second up, memory of its servers",
  run: async ({ tell }) => {
    const bench = "up";
    // In memory, and passable for the users that servers run as.
    const dir = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "g2p-bench-"));
    chmodSync(dir, 0o711);
    cpSync(join(ROOT, "examples/all-services"), dir, { recursive: true });
    const environment = { dir, file: join(dir, "g2p.yaml"), env: {}, remove: () => {} };
    try {
      tell("first up");
      const first = await g2p(["up", "--detach"], environment, { memory: true });
      await g2p(["down"], environment);
      tell("second up");
      const second = await g2p(["up", "--detach"], environment, { memory: true });
      const { stdout } = await g2p(["footprint", "--json"], environment);
      const { shared } = JSON.parse(stdout) as { shared: { memory: number } };
      return [
        { bench, what: "first up, all downloaded and built", value: first.ms / 1000, unit: "s", target: FIRST_UP_S },
        { bench, what: "second up", value: second.ms / 1000, unit: "s", target: SECOND_UP_S },
        { bench, what: "memory of the servers", value: shared.memory / 1e6, unit: "MB", target: SERVICES_MB },
        {
          bench,
          what: "resident memory of g2p itself",
          value: Math.max(first.peakMb, second.peakMb),
          unit: "MB",
          target: MOST_MB,
        },
      ];
    } finally {
      await g2p(["down"], environment);
      rmSync(dir, { recursive: true, force: true });
    }
  },
};
