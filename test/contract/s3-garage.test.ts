import { describe, test } from "vitest";
import { subject } from "./s3-garage.ts";
import { contractSuite } from "./suite.ts";

// Building Garage takes a quarter of an hour where it is not on PATH.
if (process.env["G2P_TEST_GARAGE"] === "1") contractSuite(subject);
else
  describe("the contract of s3 on Garage", () => {
    test.todo("NOT RUN: set G2P_TEST_GARAGE=1 (and best put `garage` 2.5 on PATH) to hold Garage to the contract");
  });
