import { DATABASES, MAINTENANCE } from "../support/drift/databases.ts";
import { ADMINS, MEMBERSHIPS } from "../support/drift/memberships.ts";
import { ATTRIBUTES, LABELS, LOST, SETTINGS } from "../support/drift/roles.ts";
import { testDrift } from "../support/drift/suite.ts";

testDrift("Drift of roles and databases", {
  "attributes of roles": ATTRIBUTES,
  labels: LABELS,
  "passwords, and roles that are gone": LOST,
  memberships: MEMBERSHIPS,
  "rights of the admin": ADMINS,
  "settings of roles": SETTINGS,
  databases: DATABASES,
  "maintenance databases": MAINTENANCE,
});
