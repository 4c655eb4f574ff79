import { defineConfig } from "vitest/config";

/** Tests with real servers take memory and both cores: few at once, and more time. */
const WITH_SERVERS = { testTimeout: 180_000, hookTimeout: 180_000, maxWorkers: 2 };

/** Projects by what their tests need; run one with `vitest run --project unit`. */
export default defineConfig({
  test: {
    projects: [
      // Nothing but this machine's files and processes.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 15_000 } },
      // Real PostgreSQL servers, used from the code.
      { test: { name: "servers", include: ["test/servers/**/*.test.ts"], ...WITH_SERVERS } },
      // The command line as its users run it.
      { test: { name: "cli", include: ["test/cli/**/*.test.ts"], ...WITH_SERVERS } },
      // Killed processes and servers, cut connections, full disks.
      { test: { name: "faults", include: ["test/faults/**/*.test.ts"], ...WITH_SERVERS, testTimeout: 900_000 } },
      // Kafka, MinIO, OpenSearch, Keymanager, Keycloak and Redis, really started; a real module of OpenG2P's, from PyPI, with them.
      {
        test: {
          name: "engines",
          include: ["test/contract/**/*.test.ts", "test/engines/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
      // Every command of the documents.
      { test: { name: "docs", include: ["test/docs/**/*.test.ts"], ...WITH_SERVERS } },
    ],
  },
});
