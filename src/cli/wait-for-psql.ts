import { poll } from "../engine/poll.ts";
import { ConfigError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { flagTarget, parsePort, type Env } from "./wait-targets.ts";
import { HELP, parseArguments, USAGE, UsageError } from "./wait-for-psql-arguments.ts";

/**
 * Drop-in for `wait-for-psql.py` of the official Odoo image (odoo/docker, e.g. 17.0/wait-for-psql.py), which OpenG2P's
 * images call: same flags, exit codes and message. Like it, it logs in to database `postgres` and keeps trying after a wrong
 * password. Different: it looks every 100 ms instead of each second, `--db_name` proves the module's own database, the
 * password may come from `PGPASSWORD`, and a timeout of zero or less means one look (the script dies of a NameError).
 *
 * @returns 0 connected, 1 not connected in time, 2 wrong arguments.
 */
async function main(args: readonly string[], env: Env): Promise<number> {
  try {
    const flags = parseArguments(args, env);
    if (flags === "help") {
      process.stdout.write(HELP);
      return 0;
    }
    const port = parsePort(flags.db_port);
    if (port === undefined) throw new UsageError(`argument --db_port: invalid port: '${flags.db_port}'`);
    const password = new Secret(flags.db_password);
    const target = flagTarget(
      { host: flags.db_host, port, database: flags.db_name, user: flags.db_user, password: () => password },
      env,
    );
    const result = await poll(target.check, { timeoutMs: flags.timeout * 1_000 });
    if (result.state === "ready") return 0;
    process.stderr.write(`Database connection failure: ${result.reason}\n`);
    return 1;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
    process.stderr.write(`${USAGE}wait-for-psql: error: ${error.message}\n`);
    return 2;
  }
}

const args = process.argv.slice(2);
// Overwrites the command line that other users of the machine see in ps, since it holds the password.
process.title = "wait-for-psql";
process.exitCode = await main(args, process.env);
