import * as z from "zod";
import { API_VERSION, connectionLimit, extensions, label, mapping, variableName } from "./schema-parts.ts";
import { sessionSettings } from "./session-settings.ts";

const claim = mapping({
  service: z.literal("postgresql").default("postgresql").describe("The service that is claimed: a database."),
  extensions: extensions().default([]).describe("PostgreSQL extensions the database must have."),
  connectionLimit: connectionLimit()
    .default(20)
    .describe("Most connections its login may hold at once; a wall that the module cannot move."),
  settings: sessionSettings().default({}).describe("Defaults of the login's sessions; the module can override them."),
  ownerVisible: z
    .boolean()
    .default(false)
    .describe(
      "Owner role may be seen as LOGIN (without password, connection limit 0), as Odoo needs to list its database.",
    ),
  connectsToPostgres: z
    .boolean()
    .default(false)
    .describe(
      "Login may connect to the database `postgres`, as Odoo does; `verify` prints it as an accepted exception.",
    ),
});

const use = mapping({
  module: label().describe("Name of the module that is used."),
  optional: z.boolean().default(false).describe("Can do without; its accesses and their variables are then left out."),
});

const access = mapping({
  uses: label().describe("Role word of `uses` whose instance is read."),
  claim: label().default("main").describe("Claim of that instance whose database is read."),
  connectionLimit: connectionLimit().default(10).describe("Most connections the access' login may hold at once."),
});

const variables = mapping({
  component: label().describe("Image or process that reads the variables."),
  prefix: z
    .string()
    .regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/, "the beginning of a variable's name: letters, digits and `_`")
    .default("")
    .describe("Put before each name in `vars`."),
  vars: z
    .record(variableName(), z.string())
    .describe("Variable -> template; `${binding.field}` is filled from the claim or access of that name."),
});

/** Schema of a module descriptor; what references mean is checked by `descriptorMistakes`. */
export const moduleSchema = mapping({
  apiVersion: z.literal(API_VERSION).describe("Version of this file's form."),
  kind: z.literal("Module").describe("Says that the file is a module descriptor."),
  module: label().describe("Name of the module; also the instance's name where none is given."),
  title: z.string().min(1, "a text").describe("Name for people."),
  uses: z.record(label(), use).default({}).describe("Other modules it works with: role word -> module."),
  claims: z
    .record(label(), claim)
    .default({})
    .describe("Databases it needs, by claim name; the first is usually `main`."),
  accesses: z
    .record(label(), access)
    .default({})
    .describe("Databases of other instances it reads, by access name. Claims and accesses share one space of names."),
  consents: z
    .record(label(), z.array(label()))
    .default({})
    .describe("Claim -> modules that may read it inside the same sandbox without `shares` in the environment file."),
  env: z.array(variables).default([]).describe("Environment variables, by the image or process that reads them."),
}).describe("Describes a module: what it claims, whom it uses, which variables it reads.");

/** A module descriptor with all defaults filled in. */
export type ModuleDescriptor = z.output<typeof moduleSchema>;

/** A module descriptor as it is written. */
export type ModuleDescriptorInput = z.input<typeof moduleSchema>;
