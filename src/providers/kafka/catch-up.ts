import { randomBytes } from "node:crypto";
import type { Acl } from "./acl.ts";
import type { Link } from "./connection.ts";
import { barrierPrincipal } from "./mark.ts";
import { readAcls } from "./observe.ts";
import { poll } from "./poll.ts";
import { addAcls, dropAcls, dropAclsOf } from "./reconcile.ts";

const LONGEST_MS = 5_000;

/**
 * Waits until the broker shows all that was written before. The controller writes, and a broker follows a little later, in the same
 * order. Without it a removal would miss what a run that was killed a moment ago has made, and leave it behind, and the next look
 * would find differences that are repaired already. So a rule that concerns nobody is written and waited for, and taken away again.
 */
export async function catchUp(link: Link, environmentId: string): Promise<void> {
  const principal = barrierPrincipal(environmentId);
  const name = `g2p-barrier-${randomBytes(8).toString("hex")}`;
  const barrier: Acl = {
    type: "topic",
    name,
    pattern: "literal",
    principal,
    host: "*",
    operation: "describe",
    permission: "deny",
  };
  await addAcls(link, [barrier]);
  const isShown = async () => (await readAcls(link, principal)).some((acl) => acl.name === name);
  await poll(isShown, LONGEST_MS);
  await dropAcls(link, [barrier]);
  await poll(async () => !(await isShown()), LONGEST_MS);
}

/** Takes away such rules that killed runs have left. */
export async function dropBarriers(link: Link, environmentId: string): Promise<void> {
  await dropAclsOf(link, [barrierPrincipal(environmentId)]);
}
