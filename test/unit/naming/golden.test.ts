import { expect, test } from "vitest";
import { name, type NameTuple } from "../../../src/naming/name.ts";

type Case = readonly [NameTuple["service"], NameTuple["kind"], string, string, string, string, string];

// Names on servers live longer than a release of ours: a change here loses every database that carries the old name.
const CASES: readonly Case[] = [
  // service, kind, prefix, sandbox, instance, claim, name
  ["postgresql", "database", "", "dev", "farmers", "main", "dev__farmers"],
  ["postgresql", "owner", "", "dev", "farmers", "main", "dev__farmers___owner"],
  ["postgresql", "reader", "", "dev", "farmers", "main", "dev__farmers___reader"],
  ["postgresql", "login-a", "", "dev", "farmers", "main", "dev__farmers___a"],
  ["postgresql", "login-b", "", "dev", "farmers", "main", "dev__farmers___b"],
  ["postgresql", "access-a", "", "dev", "pbms", "registry", "dev__pbms__registry___access_a"],
  ["postgresql", "access-b", "", "dev", "pbms", "registry", "dev__pbms__registry___access_b"],
  ["postgresql", "database", "", "dev", "g2p-bridge", "example-bank", "dev__g2p_bridge__example_bank"],
  ["postgresql", "database", "staging", "dev", "farmers", "main", "staging___dev__farmers"],
  ["postgresql", "owner", "staging", "dev", "farmers", "main", "staging___dev__farmers___owner"],
  ["kafka", "topic-prefix", "", "dev", "farmers", "main", "dev__farmers__"],
  ["kafka", "topic", "", "dev", "farmers", "audit-events", "dev__farmers__audit-events"],
  ["kafka", "topic", "", "dev", "farmers", "main", "dev__farmers__main"],
  ["kafka", "user", "", "dev", "farmers", "main", "dev__farmers"],
  ["s3", "bucket", "", "dev", "farmers", "documents", "dev--farmers--documents"],
  ["s3", "user", "staging", "dev", "farmers", "main", "staging---dev--farmers"],
  ["opensearch", "index-prefix", "", "dev", "g2p-bridge", "main", "dev__g2p-bridge__"],
  ["keymanager", "application-id", "", "dev", "g2p-bridge", "main", "dev__g2p_bridge"],
  ["keycloak", "client-id", "", "dev", "farmers", "staff-portal", "dev--farmers--staff-portal"],
  ["redis", "key-prefix", "", "dev", "farmers", "main", "dev__farmers__"],
  ["kubernetes", "namespace", "", "dev", "farmers", "main", "dev"],
  ["kubernetes", "namespace", "staging", "dev", "farmers", "main", "staging---dev"],
  ["kubernetes", "release", "staging", "dev", "farmers", "main", "farmers"],
  ["kubernetes", "binding-secret", "staging", "dev", "farmers", "main", "farmers---binding"],
  ["kubernetes", "binding-secret", "", "dev", "bridge", "example-bank", "bridge--example-bank---binding"],
];

test.each(CASES)("%s %s of (%j, %j, %j, %j) is %s", (service, kind, prefix, sandbox, instance, claim, expected) => {
  expect(name({ service, kind, prefix, sandbox, instance, claim })).toMatchObject({ name: expected, hashed: false });
});

const LONG = "national-farmers-registry-of-the-northern-highlands";

const HASHED: readonly (readonly [string, ...Case])[] = [
  ["a double dash is a separator", "postgresql", "database", "", "dev", "a--b", "main", ""],
  ["an underscore would equal a dash", "postgresql", "database", "", "dev", "example_bank", "main", ""],
  ["upper case folds", "postgresql", "login-a", "", "Dev", "farmers", "main", ""],
  ["too long", "postgresql", "owner", "staging", "dev", LONG, "main", ""],
  ["pg_ is the server's", "postgresql", "database", "", "pg-test", "farmers", "main", ""],
  ["a leading digit needs quotes", "postgresql", "database", "", "2024", "farmers", "main", ""],
  ["an empty part", "postgresql", "database", "", "", "", "", ""],
  ["nothing readable is left", "postgresql", "access-a", "", "अ", "ब", "main", ""],
  ["36 bytes are few", "keymanager", "application-id", "staging", "dev", "g2p-bridge", "example-bank", ""],
  ["a granted prefix stays open", "kafka", "topic-prefix", "", "dev", "Farmers", "main", ""],
  ["a dot equals an underscore", "kafka", "topic", "", "dev", "farmers", "audit.events", ""],
  ["a reserved ending", "s3", "bucket", "", "dev", "x-s3", "main", ""],
  ["a reserved beginning", "s3", "bucket", "", "xn", "farmers", "main", ""],
  ["a namespace of the cluster", "kubernetes", "namespace", "", "kube-system", "x", "main", ""],
  ["Services begin with a letter", "kubernetes", "release", "", "dev", "4life", "main", ""],
];

test("what cannot stay readable is hashed", () => {
  const named = HASHED.map(([reason, service, kind, prefix, sandbox, instance, claim]) => {
    const made = name({ service, kind, prefix, sandbox, instance, claim });
    expect(made.hashed, reason).toBe(true);
    return `${reason}: ${made.name}`;
  });
  expect(named).toMatchInlineSnapshot(`
    [
      "a double dash is a separator: dev_a_b___teww5ajd4hz3",
      "an underscore would equal a dash: dev_example_bank___nb6pfkzyw2g4",
      "upper case folds: dev_farmers_a___rrymyv7vdbgz",
      "too long: staging_dev_national_farmers_registry_of_t_owner___quojco7kkdhj",
      "pg_ is the server's: g2p_pg_test_farmers___ayuwyghf7xzo",
      "a leading digit needs quotes: g2p_2024_farmers___7h3a2riopa77",
      "an empty part: g2p___gythkvi4ylhb",
      "nothing readable is left: g2p_access_a___aezrlcyxvoue",
      "36 bytes are few: staging_dev_g2p_bridg___aduhho7w2uhx",
      "a granted prefix stays open: dev_farmers___v4727eflsudd___",
      "a dot equals an underscore: dev_farmers_audit_events___g3su3kl7ywnl",
      "a reserved ending: dev-x-s3---m4swwpeukjgu",
      "a reserved beginning: xn-farmers---f5cgwifnkoiv",
      "a namespace of the cluster: g2p-kube-system---nu22nrttxriv",
      "Services begin with a letter: g2p-4life---nsohlttuksab",
    ]
  `);
});
