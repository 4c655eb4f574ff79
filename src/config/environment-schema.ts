import * as z from "zod";
import {
  API_VERSION,
  connectionLimit,
  extensions,
  instanceReference,
  label,
  mapping,
  variableName,
} from "../modules/schema-parts.ts";
import { sessionSettings } from "../modules/session-settings.ts";
import { bucketChange, indexChange, redirectUris, topicChange, webOrigins } from "../modules/claim-schema.ts";
import { postgresqlSchema } from "./postgresql-schema.ts";
import { OTHER_SERVICES, serviceSchemas } from "./service-schemas.ts";

const RESERVED = /^(postgres|template0|template1|g2p_commons|public|none)$|^pg_/i;

const fixedName = () =>
  z
    .string()
    .refine(
      (name) => name !== "" && !name.includes("\0") && Buffer.byteLength(name) <= 63 && !RESERVED.test(name),
      "a name of 1 to 63 bytes that PostgreSQL and g2p do not keep for themselves",
    );

const accept = z
  .array(z.string().min(1, "an aspect as `plan` prints it"))
  .default([])
  .describe("Differences from the plan that are accepted, as it prints them; `*` stands for any run of characters.");

const claimOverride = mapping({
  name: fixedName()
    .optional()
    .describe("Fixed name of the database instead of the generated one, to adopt a legacy one."),
  login: fixedName().optional().describe("Fixed name of the login."),
  connectionLimit: connectionLimit().optional().describe("Instead of the descriptor's."),
  settings: sessionSettings().default({}).describe("Session defaults, over the descriptor's."),
  extensions: extensions().default([]).describe("Extensions beside the descriptor's."),
  readers: z
    .array(label())
    .default([])
    .describe("Reporting users that may read the database; each gets a login and binding of its own."),
  topics: z.record(label(), topicChange).default({}).describe("Changes to topics, by the descriptor's word."),
  buckets: z.record(label(), bucketChange).default({}).describe("Changes to buckets, by the descriptor's word."),
  indices: z.record(label(), indexChange).default({}).describe("Changes to indices, by the descriptor's word."),
  redirectUris: redirectUris().optional().describe("Redirect URIs of an OIDC client, instead of the descriptor's."),
  webOrigins: webOrigins().optional().describe("Web origins of an OIDC client, instead of the descriptor's."),
  accept,
});

const accessOverride = mapping({
  connectionLimit: connectionLimit().optional().describe("Instead of the descriptor's."),
  accept,
});

const reference = instanceReference();

/** One entry of `modules` in its long form. */
export const moduleEntrySchema = mapping({
  module: z
    .string()
    .min(1, "a module")
    .describe("Built-in module, or path of the user's own descriptor (`./modules/grievance.yaml`)."),
  name: label().optional().describe("Name of the instance. Default: the module's name."),
  with: z.array(label()).default([]).describe("Options of the module that this instance takes, e.g. `[events]`."),
  uses: z
    .record(label(), z.union([reference, z.literal(false)]))
    .default({})
    .describe(
      "Role word of the module -> instance, or `sandbox/instance`; `false` to do without. Default: the sandbox's only instance of the wanted module.",
    ),
  shares: z
    .record(label(), z.array(reference))
    .default({})
    .describe("Claim -> instances (or `sandbox/instance`) that may use it as their module's accesses say."),
  env: z
    .record(variableName(), z.string())
    .default({})
    .describe("Variables to add or replace; `${binding.field}` is filled from the claim or access of that name."),
  claims: z.record(label(), claimOverride).default({}).describe("Changes to the module's claims, by claim name."),
  accesses: z
    .record(label(), accessOverride)
    .default({})
    .describe("Changes to the module's accesses and to `readers`, by name."),
});

/** Schema of one entry of `modules`: a module's name or path alone, or the long form. */
export const moduleItemSchema = z.union([z.string().min(1, "a module"), moduleEntrySchema]);

/** Schema of `commons`. */
export const commonsSchema = mapping({
  postgresql: postgresqlSchema.optional().describe("The PostgreSQL server or servers."),
  ...serviceSchemas,
  elsewhere: z
    .array(z.enum(OTHER_SERVICES))
    .default([])
    .describe(
      "Services that modules get by other means: claims on them, and variables filled from these, are left out.",
    ),
});

const sandboxSchema = mapping({
  name: label().describe("Name of the sandbox."),
  modules: z.array(moduleItemSchema).describe("What is installed in it: a module's name or path, or a mapping."),
});

/** Schema of the environment file; what references mean is checked when it is resolved. */
export const environmentSchema = mapping({
  apiVersion: z.literal(API_VERSION).describe("Version of this file's form."),
  environment: label().describe("Name of the environment."),
  id: z
    .uuid("a UUID")
    .optional()
    .describe("Identity of the environment on its servers. Default: made once and kept in the state directory."),
  commons: commonsSchema.describe("The shared services."),
  sandboxes: z.array(sandboxSchema).describe("Named groups of module instances."),
}).describe("An environment: one commons and all that shares it.");

/** One entry of `modules` with its defaults. */
export type ModuleEntry = z.output<typeof moduleEntrySchema>;

/** Changes to one claim. */
export type ClaimOverride = z.output<typeof claimOverride>;
