import type { S3Endpoint } from "../../model/endpoint.ts";
import { CommonsError } from "../../model/error.ts";

/** Answers that may pass by themselves while a server starts. */
const PASSING = new Set(["S3_UNREACHABLE", "S3_CONNECTION_LOST", "S3_STARTING", "S3_TIMEOUT", "S3_FAILED"]);

/**
 * Does an S3 server let its administrator in?
 *
 * @throws ServiceError for what waiting cannot heal, such as a refused password
 */
export async function letsAdminIn(endpoint: S3Endpoint): Promise<boolean> {
  const { s3 } = await import("../../providers/s3/provider.ts");
  const placement = { environment: { id: "", name: "" }, prefix: "", claims: [], accesses: [] };
  const session = await s3.open(endpoint, placement, {
    credentials: { getOrCreate: async () => new Map(), read: async () => new Map(), remove: async () => {} },
    concurrency: 1,
    emit: () => {},
    signal: new AbortController().signal,
    server: "s3",
  });
  try {
    await session.observe("quick");
    return true;
  } catch (error) {
    if (error instanceof CommonsError && PASSING.has(error.code)) return false;
    throw error;
  } finally {
    await session.close();
  }
}
