import { DEFAULT_PRIVILEGES, GRANTS, OWNERS } from "../support/drift/inside.ts";
import { testDrift } from "../support/drift/suite.ts";

testDrift("Drift inside databases", {
  "rights on objects": GRANTS,
  "default privileges": DEFAULT_PRIVILEGES,
  owners: OWNERS,
});
