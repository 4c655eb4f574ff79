import { randomBytes } from "node:crypto";
import type { Acl } from "./acl.ts";
import type { Link } from "./connection.ts";
import { barrierPrincipal } from "./mark.ts";
import { readAcls } from "./observe.ts";
import { poll } from "./poll.ts";
import { addAcls, dropAclsOf } from "./reconcile.ts";

const LONGEST_MS = 5_000;

/**
 * Waits until the broker shows all that was written before. The controller writes, and a broker follows a little later; a removal that
 * looks in between would miss what a run that was killed a moment ago has made, and leave it behind. So a rule that concerns nobody is
 * written and waited for: all before it is then shown, too.
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
  // Another removal may have taken it away already: then enough time has passed, too.
  await poll(async () => (await readAcls(link, principal)).some((acl) => acl.name === name), LONGEST_MS);
  await dropAclsOf(link, [principal]);
}
