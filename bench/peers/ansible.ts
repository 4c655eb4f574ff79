import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerAddress } from "../../src/model/environment.ts";
import { run } from "../command.ts";
import type { PeerClaim } from "./claims.ts";
import { psqlEnv } from "./psql.ts";

/** PyPI's `ansible`, which brings the collection community.postgresql; kept for the next run. */
const VENV = join(tmpdir(), "g2p-bench-ansible");

/** Ansible's community.postgresql on this machine: one module call an object, in a loop over the claims. */
export async function ansible(
  server: ServerAddress,
  claims: readonly PeerClaim[],
  tell: (text: string) => void,
): Promise<number> {
  if (!existsSync(join(VENV, "bin/ansible-playbook"))) {
    tell("installing ansible from PyPI");
    await run("python3", ["-m", "venv", VENV]);
    await run(join(VENV, "bin/pip"), ["install", "--quiet", "ansible", "psycopg2-binary"]);
  }
  const playbook = join(VENV, "bench.json");
  writeFileSync(playbook, JSON.stringify(play(claims)), { mode: 0o600 });
  const env = {
    ...psqlEnv(server),
    ANSIBLE_LOCALHOST_WARNING: "False",
    ANSIBLE_DEPRECATION_WARNINGS: "False",
    LC_ALL: "C.UTF-8",
  };
  return (await run(join(VENV, "bin/ansible-playbook"), ["-i", "localhost,", "-c", "local", playbook], { env })).ms;
}

/** A playbook is YAML, of which JSON is a part. */
function play(claims: readonly PeerClaim[]): unknown {
  const each = (module: string, options: Record<string, unknown>) => ({
    [`community.postgresql.${module}`]: options,
    loop: claims,
    no_log: true,
  });
  return [
    {
      hosts: "localhost",
      gather_facts: false,
      vars: { ansible_python_interpreter: join(VENV, "bin/python") },
      tasks: [
        each("postgresql_user", { name: "{{ item.owner }}", role_attr_flags: "NOLOGIN" }),
        each("postgresql_user", {
          name: "{{ item.login }}",
          password: "{{ item.password }}",
          role_attr_flags: "LOGIN",
          conn_limit: 20,
        }),
        each("postgresql_membership", { groups: ["{{ item.owner }}"], target_roles: ["{{ item.login }}"] }),
        each("postgresql_db", { name: "{{ item.database }}", owner: "{{ item.owner }}", template: "template0" }),
        each("postgresql_privs", {
          database: "{{ item.database }}",
          state: "absent",
          privs: "ALL",
          type: "database",
          objs: "{{ item.database }}",
          roles: "PUBLIC",
        }),
      ],
    },
  ];
}
