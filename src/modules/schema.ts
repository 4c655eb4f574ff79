import * as z from "zod";
import { accessSchema, claimSchema } from "./claim-schema.ts";
import { API_VERSION, label, mapping, variableName } from "./schema-parts.ts";

const use = mapping({
  module: label().describe("Name of the module that is used."),
  optional: z.boolean().default(false).describe("Can do without; its accesses and their variables are then left out."),
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
    .record(label(), claimSchema)
    .default({})
    .describe("What it needs of the commons' services, by claim name; its database is usually `main`."),
  accesses: z
    .record(label(), accessSchema)
    .default({})
    .describe("What it uses of other instances, by access name. Claims and accesses share one space of names."),
  consents: z
    .record(label(), z.array(label()))
    .default({})
    .describe("Claim -> modules that may use it inside the same sandbox without `shares` in the environment file."),
  env: z.array(variables).default([]).describe("Environment variables, by the image or process that reads them."),
}).describe("Describes a module: what it claims, whom it uses, which variables it reads.");

/** A module descriptor with all defaults filled in. */
export type ModuleDescriptor = z.output<typeof moduleSchema>;

/** A module descriptor as it is written. */
export type ModuleDescriptorInput = z.input<typeof moduleSchema>;
