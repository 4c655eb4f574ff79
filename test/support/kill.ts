import type { Ended, Running } from "./cli.ts";
import type { Trap } from "./proxy.ts";
import { credentialFiles, disagreements, type World } from "./world.ts";

/** Servers and admins that fault tests run with: every one with G2P_TEST_FULL=1, otherwise those that differ most. */
export const COMBINATIONS: readonly (readonly [15 | 16 | 18, "superuser" | "lesser"])[] =
  process.env["G2P_TEST_FULL"] === "1"
    ? ([15, 16, 18] as const).flatMap((version) => [[version, "superuser"] as const, [version, "lesser"] as const])
    : [
        [18, "superuser"],
        [15, "lesser"],
        [16, "lesser"],
      ];

/** Is this one of the two with which G2P_TEST_FULL=1 kills at every statement in every way? The others kill at each in one way. */
export function killsEverywhere(version: number, as: "superuser" | "lesser"): boolean {
  const thorough = (version === 18 && as === "superuser") || (version === 16 && as === "lesser");
  return process.env["G2P_TEST_FULL"] === "1" && thorough;
}

/** Number of claims and accesses in the world's own environment. */
export const CLAIMS = 4;

/** Runs a command and kills it with SIGKILL at the given point. */
export async function runKilled(world: World, trap: Omit<Trap, "act">, ...args: string[]): Promise<Ended> {
  let running: Running | undefined = undefined;
  world.proxy.arm({
    ...trap,
    act: () => {
      running?.kill();
      return "cut";
    },
  });
  running = await world.start(...args);
  const ended = await running.ended;
  await world.proxy.disarm();
  return ended;
}

/** Applies, and says in which way the environment is not what it should be, by ledger, plan and verify; empty when all is well. */
export async function troublesAfterApply(world: World, ...args: string[]): Promise<string[]> {
  const troubles = await troublesOfApply(world, ...args);
  return troubles.length > 0 ? troubles : troublesOfLooking(world);
}

/** Applies, and says where ledger, server and credentials disagree then. */
export async function troublesOfApply(world: World, ...args: string[]): Promise<string[]> {
  const applied = await world.g2p("apply", ...args);
  return applied.code === 0 ? disagreements(world, { claims: CLAIMS }) : [said("apply", applied)];
}

async function troublesOfLooking(world: World): Promise<string[]> {
  const [plan, verify] = await Promise.all([world.g2p("plan"), world.g2p("verify")]);
  return [...(plan.code === 0 ? [] : [said("plan", plan)]), ...(verify.code === 0 ? [] : [said("verify", verify)])];
}

/** How a command ended, in one text. */
export function said(command: string, { code, stdout, stderr }: Ended): string {
  return `${command} ended with ${code}: ${stdout.slice(0, 1_000)}${stderr.slice(0, 1_000)}`;
}

/** Removes a sandbox, and says what is left of it anywhere. */
export async function leftAfterRemove(world: World, sandbox: string, claimsLeft: number): Promise<string[]> {
  const removed = await world.g2p("remove", sandbox, "--delete-data", "--yes");
  if (removed.code !== 0) return [said("remove", removed)];
  const files = (await credentialFiles(world)).filter((file) => file.startsWith(`${sandbox}/`));
  return [
    ...files.map((file) => `credential ${file} is left over`),
    ...(await disagreements(world, { claims: claimsLeft })),
  ];
}
