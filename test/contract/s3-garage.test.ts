import { describe } from "vitest";
import { subject } from "./s3-garage.ts";
import { contractSuite } from "./suite.ts";

// Building Garage takes a quarter of an hour where it is not on PATH.
const wanted = process.env["G2P_TEST_GARAGE"] === "1";

if (!wanted)
  console.warn(
    "NOT TESTED: s3 on Garage, since building it takes a quarter of an hour. Set G2P_TEST_GARAGE=1 to test it, best with `garage` 2.5 on PATH.",
  );

// Without the variable the report shows every law as skipped, so that the file never looks green.
describe.skipIf(!wanted)("Garage", () => contractSuite(subject));
