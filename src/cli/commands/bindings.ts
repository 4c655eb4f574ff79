import { stringify } from "yaml";
import { resolveVariables } from "../../engine/variables.ts";
import type { Fields } from "../../model/binding.ts";
import type { Instance } from "../../model/environment.ts";
import { ConfigError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import { name } from "../../naming/name.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import { instanceBindings } from "../instance-bindings.ts";
import type { BindingsOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { Servers } from "../servers.ts";
import { findInstance, loadSession } from "../session.ts";
import { shellQuoted } from "../shell.ts";

/** What stands where a secret is not shown. */
const MASK = "********";

interface Shown {
  readonly instance: Instance;
  readonly bindings: ReadonlyMap<string, Fields>;
}

/** `g2p bindings`: what instances are handed, as variables, JSON or Kubernetes Secrets; secrets masked unless `--reveal`. */
export async function run(args: readonly string[], options: BindingsOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const instances =
    args[0] === undefined ? session.environment.instances : [findInstance(session.environment, args[0])];
  const servers = new Servers(session, io.env);
  const shown: Shown[] = [];
  for (const instance of instances)
    shown.push({ instance, bindings: await instanceBindings(session, servers, instance) });
  checkChoices(shown, options);
  const text = (value: string | Secret) =>
    value instanceof Secret ? (options.reveal === true ? value.reveal() : MASK) : value;
  const format = options.json ? "json" : (options.format ?? "env");
  if (format === "json") {
    const data = shown.map(({ instance, bindings }) =>
      json(instance, chosen(bindings, options), variablesOf(instance, bindings, options), text),
    );
    output.result(
      args[0] === undefined ? data : data[0],
      () => `${JSON.stringify(args[0] === undefined ? data : data[0], null, 2)}\n`,
    );
    return EXIT.done;
  }
  if (format === "secret") {
    const documents = shown.flatMap(({ instance, bindings }) =>
      [...chosen(bindings, options)].map(([claim, fields]) =>
        stringify(
          kubernetesSecret(session.environment.commons.postgresql?.prefix ?? "", instance, claim, fields, text),
        ),
      ),
    );
    output.out.write(documents.join("---\n"));
  } else {
    const sections = shown.map(({ instance, bindings }) =>
      lines(instance, variablesOf(instance, bindings, options), format, text, shown.length > 1),
    );
    output.out.write(sections.join("\n"));
  }
  if (options.reveal !== true && output.err.isTTY) output.err.write("Secrets are masked; --reveal shows them.\n");
  return EXIT.done;
}

function checkChoices(shown: readonly Shown[], { component, claim }: BindingsOptions): void {
  const components = new Set(
    shown.flatMap(({ instance }) => instance.variables.map((one) => one.component)).filter((word) => word !== ""),
  );
  if (component !== undefined && !components.has(component))
    throw new ConfigError(`There is no component "${component}" here.`, [], {
      code: "UNKNOWN_COMPONENT",
      hint: `Components: ${[...components].join(", ")}.`,
    });
  const claims = new Set(shown.flatMap(({ bindings }) => [...bindings.keys()]));
  if (claim !== undefined && !claims.has(claim))
    throw new ConfigError(`There is no claim or access "${claim}" here.`, [], {
      code: "UNKNOWN_CLAIM",
      hint: `Claims and accesses: ${[...claims].join(", ")}.`,
    });
}

function chosen(bindings: ReadonlyMap<string, Fields>, { claim }: BindingsOptions): Map<string, Fields> {
  return new Map([...bindings].filter(([key]) => claim === undefined || key === claim));
}

function variablesOf(instance: Instance, bindings: ReadonlyMap<string, Fields>, { component, claim }: BindingsOptions) {
  const wanted = instance.variables.filter(
    (one) =>
      (component === undefined || one.component === component || one.component === "") &&
      (claim === undefined || one.template.includes(`\${${claim}.`)),
  );
  return resolveVariables(wanted, bindings);
}

function json(
  instance: Instance,
  bindings: ReadonlyMap<string, Fields>,
  variables: ReturnType<typeof variablesOf>,
  text: (value: string | Secret) => string,
) {
  const fields = (all: Fields) => Object.fromEntries(Object.entries(all).map(([key, value]) => [key, text(value)]));
  return {
    sandbox: instance.sandbox,
    instance: instance.instance,
    module: instance.module,
    bindings: Object.fromEntries(
      [...bindings].map(([claim, all]) => [claim, { type: serviceOf(instance, claim), ...fields(all) }]),
    ),
    variables: variables.map(({ name: key, component, value }) => ({ name: key, component, value: text(value) })),
  };
}

/** Service of a claim or access. */
function serviceOf(instance: Instance, claim: string): string {
  return instance.claims.find((one) => one.claim === claim)?.service ?? "";
}

/** A Secret as the Service Binding specification for Kubernetes describes it: `type`, `provider` and one key a field. */
function kubernetesSecret(
  prefix: string,
  instance: Instance,
  claim: string,
  fields: Fields,
  text: (value: string | Secret) => string,
) {
  const tuple = { prefix, service: "kubernetes", sandbox: instance.sandbox, instance: instance.instance } as const;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: name({ ...tuple, kind: "binding-secret", claim }).name,
      namespace: name({ ...tuple, kind: "namespace", instance: "", claim: "" }).name,
      labels: {
        "app.kubernetes.io/managed-by": "g2p",
        "app.kubernetes.io/instance": instance.instance,
        "g2p.dev/claim": claim,
      },
    },
    type: `servicebinding.io/${serviceOf(instance, claim)}`,
    stringData: {
      type: serviceOf(instance, claim),
      provider: "g2p",
      ...Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, text(value)])),
    },
  };
}

function lines(
  instance: Instance,
  variables: ReturnType<typeof variablesOf>,
  format: "env" | "dotenv",
  text: (value: string | Secret) => string,
  headed: boolean,
): string {
  const all = headed ? [`# ${instance.sandbox}/${instance.instance}`] : [];
  let component: string | undefined;
  for (const one of variables) {
    if (one.component !== component) all.push(`# ${one.component || "from the environment file"}`);
    component = one.component;
    const value = text(one.value);
    all.push(format === "env" ? `export ${one.name}=${shellQuoted(value)}` : `${one.name}=${dotenvQuoted(value)}`);
  }
  return `${all.join("\n")}\n`;
}

/**
 * Readers of such files agree on plain values and on single quotes, between which all is literal. What holds a single quote goes between
 * double ones, with `\`, `"` and `$` escaped as Docker Compose reads them; some other readers would keep the backslashes.
 */
function dotenvQuoted(value: string): string {
  if (/^[\w.:/@%+=,-]*$/.test(value)) return value;
  if (!/['\n]/.test(value)) return `'${value}'`;
  return `"${value.replaceAll(/["\\$]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}
