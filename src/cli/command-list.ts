import { Option, type Command } from "commander";
import type { EnvironmentTargets, WaitCommandOptions } from "./commands/wait.ts";
import type { CommandModule } from "./context.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { BINDING_FORMATS, positiveInteger } from "./options.ts";

/** Everything the program needs to know of a command before it runs. */
export interface CommandDefinition {
  /** Name and arguments in commander's notation. */
  readonly usage: string;
  /** Heading under which the list of commands shows it. */
  readonly group: string;
  /** A few words for the list of commands. */
  readonly summary: string;
  readonly description: string;
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** What its exit codes mean, where they say more than "done", "failed" and "interrupted". */
  readonly exits?: Partial<Record<ExitCode, string>>;
  readonly options?: (command: Command) => Command;
  /** The command handles signals itself: they are not turned into an abort. */
  readonly ownSignals?: boolean;
  // Option types differ by command; commander gives them untyped anyway.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly load: () => Promise<CommandModule<any>>;
}

const QUICK = "ask the cluster-wide catalogues only: no logins, no look inside databases";
const ADOPT = "foreign resources to take over, by id or name";
const CONCURRENCY = "how many resources are worked on at once";

/** All commands, in the order of help. */
export const COMMANDS: readonly CommandDefinition[] = [
  {
    usage: "init [dir]",
    group: "Describe:",
    summary: "write an environment file",
    description: "Writes a g2p.yaml with the modules and sandboxes you name; asks for them on a terminal.",
    examples: [
      ["g2p init", "asks, then writes ./g2p.yaml"],
      ["g2p init staging --sandbox dev test --module registry pbms --yes", "asks nothing"],
    ],
    exits: { [EXIT.refused]: "refused: the file is there and --force was not given" },
    options: (command) =>
      command
        .option("--environment <name>", "name of the environment")
        .option("--sandbox <names...>", "sandboxes to describe")
        .option("--module <names...>", "modules in each sandbox")
        .addOption(new Option("--postgresql <mode>", "how PostgreSQL is provided").choices(["embedded", "external"]))
        .option("--with-services", "run the services beside PostgreSQL, too (default: modules get them by other means)")
        .option("--force", "replace a file that is there")
        .option("-y, --yes", "ask nothing, take defaults"),
    load: () => import("./commands/init.ts"),
  },
  {
    usage: "validate",
    group: "Describe:",
    summary: "check the environment file",
    description:
      "Loads the environment file and all module descriptors, and lists every mistake with file, line and column.",
    examples: [["g2p validate -f examples/two-sandboxes/g2p.yaml", "checks that file"]],
    load: () => import("./commands/validate.ts"),
  },
  {
    usage: "names",
    group: "Describe:",
    summary: "list every name that would be made",
    description:
      "Lists the names of all databases, roles and other resources, with their length and limit. Needs no server.",
    examples: [
      ["g2p names", "a table"],
      ["g2p names --json", "the same for programs"],
    ],
    load: () => import("./commands/names.ts"),
  },
  {
    usage: "plan",
    group: "Provision:",
    summary: "show what apply would change",
    description: "Compares the environment file with servers and ledger and shows each difference. Changes nothing.",
    examples: [
      ["g2p plan", "every difference, by sandbox and instance"],
      ["g2p plan --verbose", "also what is as wanted"],
      ["g2p plan --adopt legacy_registry", "as if that database were taken over"],
    ],
    exits: {
      [EXIT.done]: "nothing to do",
      [EXIT.changes]: "something would change",
      [EXIT.refused]: "something is refused, such as a foreign database",
    },
    options: (command) => command.option("--quick", QUICK).option("--adopt <names...>", ADOPT),
    load: () => import("./commands/plan.ts"),
  },
  {
    usage: "apply",
    group: "Provision:",
    summary: "make servers as the environment file says",
    description:
      "Creates and repairs databases, roles and grants. Never drops data. Can be repeated and interrupted at any point.",
    examples: [
      ["g2p apply", "everything that plan shows"],
      ["g2p apply --adopt legacy_registry", "takes over a database that is not marked as ours"],
      ["g2p apply --recreate postgresql/dev/registry/main", "makes a lost database again, empty"],
    ],
    exits: { [EXIT.refused]: "something was refused; all the rest was done" },
    options: (command) =>
      command
        .option("--quick", QUICK)
        .option("--adopt <names...>", ADOPT)
        .option("--recreate <ids...>", "lost resources to make again, empty, by id")
        .option("--concurrency <n>", CONCURRENCY, positiveInteger),
    load: () => import("./commands/apply.ts"),
  },
  {
    usage: "up",
    group: "Provision:",
    summary: "start the commons and apply",
    description:
      "Starts the embedded servers (or reaches the external ones), applies the environment file and shows where all is.",
    examples: [
      ["g2p up", "stays in the foreground until Ctrl-C"],
      ["g2p up --detach", "leaves the servers running; g2p down stops them"],
    ],
    exits: { [EXIT.refused]: "something was refused; all the rest was done" },
    options: (command) =>
      command
        .option("-d, --detach", "leave the servers running and return")
        .option("--concurrency <n>", CONCURRENCY, positiveInteger),
    load: () => import("./commands/up.ts"),
  },
  {
    usage: "down",
    group: "Provision:",
    summary: "stop embedded servers; data stays",
    description: "Stops the embedded servers of the environment. Data, ledger and credentials stay for the next up.",
    examples: [["g2p down", "stops what g2p up --detach started"]],
    load: () => import("./commands/down.ts"),
  },
  {
    usage: "status",
    group: "Provision:",
    summary: "show how servers and resources stand",
    description: "Shows servers, connections in use, and each resource with its state. Changes nothing.",
    examples: [
      ["g2p status", "the tree"],
      ["g2p status --json", "the same for programs"],
    ],
    exits: { [EXIT.done]: "all is ready", [EXIT.changes]: "something is not ready" },
    load: () => import("./commands/status.ts"),
  },
  {
    usage: "footprint",
    group: "Provision:",
    summary: "measure what the servers use and what sharing saves",
    description:
      "Measures memory, disk and processes of the running embedded servers, by service, and compares them with a server for each instance.",
    examples: [
      ["g2p footprint", "scales from the shared servers"],
      ["g2p footprint --against v4/.g2p", "compares with servers that run with `sharing: instance`"],
    ],
    options: (command) =>
      command.option("--against <dir>", "state directory of an environment whose instances have servers of their own"),
    load: () => import("./commands/footprint.ts"),
  },
  {
    usage: "verify",
    group: "Provision:",
    summary: "try whether isolation holds",
    description:
      "Logs in as every module and tries what it must not be able to do, and what it must. Leaves nothing behind.",
    examples: [
      ["g2p verify", "every login on every database"],
      ["g2p verify --sample 20", "each login tries 20 others, and asks for the rest"],
    ],
    exits: { [EXIT.done]: "isolation holds", [EXIT.changes]: "isolation does not hold" },
    options: (command) =>
      command.option(
        "--sample <n>",
        "databases of others that each login really tries (default: all up to 50 logins, else 10); it asks for the rest",
        positiveInteger,
      ),
    load: () => import("./commands/verify.ts"),
  },
  {
    usage: "wait [instances...]",
    group: "Use:",
    summary: "wait until what instances need is there",
    description:
      "Waits until databases can really be used, by logging in as the modules do: those of the instances named (all by " +
      "default), of a binding directory, or one given by --host.",
    examples: [
      ["g2p wait dev/pbms --timeout 2m", "until the databases of pbms accept its logins"],
      ["g2p wait --binding /bindings", "in a pod: from mounted bindings, without an environment file"],
      ["g2p wait --host db --database app --user app", "any database; password in PGPASSWORD"],
    ],
    exits: {
      [EXIT.done]: "all is there",
      [EXIT.timedOut]: "timed out; what is missing is listed with its last reason",
    },
    options: (command) =>
      command
        .option("--timeout <duration>", "give up after this long, such as 500ms, 30s, 5m (default: 2m)")
        .option("--fail-fast", "end at once where waiting cannot help, such as a wrong password")
        .option("--binding [dir]", "binding directory as in servicebinding.io (default: SERVICE_BINDING_ROOT)")
        .option("--host <host>", "server of a single database")
        .option("--port <port>", "its port (default: 5432)")
        .option("--database <name>", "its name")
        .option("--user <name>", "who logs in")
        .option("--password-file <file>", "file with the password, instead of PGPASSWORD")
        .option("--initialised <version>", "also wait until the database is initialised to this version"),
    load: async () => {
      const { run } = await import("./commands/wait.ts");
      const fromFile: EnvironmentTargets = async (...call) =>
        (await import("./environment-targets.ts")).environmentTargets(...call);
      return { run: (args, options: WaitCommandOptions, io) => run(args, options, io, fromFile) };
    },
  },
  {
    usage: "bindings [instance]",
    group: "Use:",
    summary: "show address and credentials of instances",
    description: "Shows what instances are handed: host, port, names and, with --reveal, passwords.",
    examples: [
      ["g2p bindings dev/pbms", "passwords hidden"],
      ["g2p bindings dev/pbms --format dotenv --reveal > .env", "for docker compose and the like"],
      ["g2p bindings dev/registry --format secret --reveal", "a Kubernetes Secret"],
    ],
    options: (command) =>
      command
        .addOption(new Option("--format <format>", "form of the output").choices(BINDING_FORMATS))
        .option("--reveal", "show passwords")
        .option("--component <name>", "only the variables of one component (image)")
        .option("--claim <name>", "only one claim"),
    load: () => import("./commands/bindings.ts"),
  },
  {
    usage: "exec <instance> <command...>",
    group: "Use:",
    summary: "run a program with an instance's variables",
    description: "Runs a program with the environment variables of an instance. Its exit code is the program's.",
    examples: [
      ["g2p exec dev/spar -- psql", "a session as the module's login"],
      ["g2p exec dev/registry -- sh -c 'env | sort'", "what the module sees"],
    ],
    exits: { [EXIT.done]: "as the program; 126 where it cannot be run, 127 where it is not found" },
    ownSignals: true,
    load: () => import("./commands/exec.ts"),
  },
  {
    usage: "remove <target>",
    group: "Remove:",
    summary: "remove a sandbox or an instance",
    description:
      "Removes what a sandbox or sandbox/instance has on the servers, and nothing else. Databases go only with --delete-data.",
    examples: [
      ["g2p remove dev/pbms --dry-run", "shows what would go"],
      ["g2p remove dev/pbms --delete-data", "drops its databases and logins; on a terminal it asks first"],
      ["g2p remove dev --delete-data --yes", "a whole sandbox, without asking"],
    ],
    exits: { [EXIT.refused]: "refused: not ours, or data would be lost without --delete-data" },
    options: (command) =>
      command
        .option("--delete-data", "also drop databases with all their data")
        .option("-y, --yes", "do not ask")
        .option("--dry-run", "only show what would go"),
    load: () => import("./commands/remove.ts"),
  },
];
