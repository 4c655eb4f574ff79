import { expect, it } from "vitest";
import { BINDING_FIELDS, bindingFields, isSecretField, wordsOf } from "../../../src/modules/binding-fields.ts";
import { claimSchema } from "../../../src/modules/claim-schema.ts";

it("a binding has its service's fields, and one for each topic, bucket or group of indices", () => {
  expect(bindingFields("kafka", ["changes"])).toEqual([...BINDING_FIELDS.kafka, "topic-changes"]);
  expect(bindingFields("s3", ["documents", "templates"]).slice(-2)).toEqual(["bucket-documents", "bucket-templates"]);
  expect(bindingFields("opensearch", ["records"]).at(-1)).toBe("index-records");
  expect(bindingFields("postgresql", [])).toEqual(BINDING_FIELDS.postgresql);
});

it("every service tells where it is", () => {
  for (const fields of Object.values(BINDING_FIELDS)) expect(fields).toEqual(expect.arrayContaining(["host", "port"]));
});

it("the fields that hold a secret, alone or inside, are known", () => {
  const secret = [...new Set(Object.values(BINDING_FIELDS).flat())].filter(isSecretField);
  expect(secret.toSorted()).toEqual(["clientSecret", "password", "secretKey", "uri"]);
});

it.each([
  [{ service: "kafka", topics: { changes: {}, done: {} } }, ["changes", "done"]],
  [{ service: "s3", buckets: { documents: {} } }, ["documents"]],
  [{ service: "opensearch", indices: { records: {} } }, ["records"]],
  [{ service: "redis" }, []],
  [{}, []],
])("the words of %j are %j", (claim, words) => {
  expect(wordsOf(claimSchema.parse(claim))).toEqual(words);
});
