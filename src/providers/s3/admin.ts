import type { S3Client } from "@aws-sdk/client-s3";
import type { Secret } from "../../model/secret.ts";
import type { Depth } from "../contract.ts";
import type { Login } from "./client.ts";
import type { DesiredBucket, DesiredLogin, Grant } from "./desired.ts";
import type { Mark } from "./mark.ts";

/** Something on a login or bucket that nobody asked for. */
export interface Extra {
  /** Stable, e.g. `group:auditors` or `bucket:dev--farmers--documents:public`. */
  readonly aspect: string;
  readonly actual: string;
}

/** A login as the server has it. */
export interface ObservedLogin {
  readonly name: string;
  /** False where only its mark is there (a policy without its user). */
  readonly exists: boolean;
  readonly enabled: boolean;
  readonly mark: Mark | undefined;
  /** Every single right as a line, sorted, e.g. `Allow s3:GetObject on dev--farmers--documents/*`. */
  readonly rights: readonly string[];
  readonly extras: readonly Extra[];
  /** Does the stored credential let it in? `undefined`: not tried. */
  readonly credentialWorks: boolean | undefined;
}

/** A bucket as the server has it. */
export interface ObservedBucket {
  readonly name: string;
  /** Who holds it by its mark; `undefined`: nobody's mark is on it. */
  readonly holder: BucketHolder | undefined;
  /** Known only for buckets without mark whose making we began. */
  readonly empty: boolean | undefined;
  readonly versioning: "on" | "off" | "suspended";
  readonly quotaBytes: number | undefined;
  /** Days after which objects expire; `undefined`: never; text: rules that are not ours. */
  readonly expiry: number | string | undefined;
  readonly extras: readonly Extra[];
}

/** Whose a bucket is. */
export interface BucketHolder {
  readonly environment: string;
  /** `sandbox/instance/claim`; empty where the mark does not tell. */
  readonly claim: string;
}

/** A server as it was observed. */
export interface ObservedServer {
  readonly depth: Depth;
  /** By name: those wanted and all that carry a mark. */
  readonly logins: ReadonlyMap<string, ObservedLogin>;
  /** By name: all of the server. */
  readonly buckets: ReadonlyMap<string, ObservedBucket>;
}

/** A login's stored password stands for a key that the server had before and takes never again. */
export class UsedUpError extends Error {}

/** What a kind of server cannot do, with the reason to show. */
export interface Lacks {
  readonly versioning?: string;
}

/** Something that a login tries; throws what the server answers. */
export interface Attempt {
  readonly attempt: string;
  readonly run: () => Promise<unknown>;
}

/** How much a bucket holds. */
export interface Usage {
  readonly objects: number;
  /** More than {@link Usage.objects} are there; they were not all counted. */
  readonly more: boolean;
}

/** One kind of S3 server, administered. Every method can be repeated, and "it is so already" is success. */
export interface S3Admin {
  readonly lacks: Lacks;
  /** Does a bucket's own mark tell the claim? Where not, a login whose buckets are kept stays as their record, without any right. */
  readonly bucketsTellClaim: boolean;
  /**
   * Looks at everything; writes nothing.
   *
   * @param credentials stored passwords of the wanted logins, by user name; with depth `deep` they are tried
   */
  observe(
    wanted: readonly DesiredLogin[],
    depth: Depth,
    credentials: ReadonlyMap<string, Secret>,
  ): Promise<ObservedServer>;
  /** The lines of {@link ObservedLogin.rights} that these grants should show. Pure. */
  rightsOf(grants: readonly Grant[]): readonly string[];
  /** Records on the server what is about to be made, before the first change. */
  begin(login: DesiredLogin, mark: Mark, found: ObservedLogin | undefined, password: Secret): Promise<void>;
  /** Makes the login, or gives it the stored secret; enabled. */
  putLogin(login: DesiredLogin, mark: Mark, password: Secret): Promise<void>;
  /** Gives the login exactly its grants and the mark. */
  putRights(login: DesiredLogin, mark: Mark, password: Secret): Promise<void>;
  /** Takes away what {@link ObservedLogin.extras} shows. */
  removeExtra(user: string, extra: Extra): Promise<void>;
  createBucket(bucket: DesiredBucket): Promise<void>;
  markBucket(bucket: DesiredBucket, environment: { readonly id: string; readonly name: string }): Promise<void>;
  setVersioning(bucket: DesiredBucket): Promise<void>;
  setQuota(bucket: DesiredBucket): Promise<void>;
  setExpiry(bucket: DesiredBucket): Promise<void>;
  removeBucketExtra(bucket: string, extra: Extra): Promise<void>;
  /** Lets the login do nothing any more; its mark stays. */
  disableLogin(user: string): Promise<void>;
  /** Removes the login with its rights and mark. */
  removeLogin(user: string): Promise<void>;
  /** Counts a bucket's objects, up to a page. */
  usage(bucket: string): Promise<Usage>;
  /** Gives a client that may list and delete everything in the buckets, for as long as `work` runs. */
  withBuckets<T>(buckets: readonly string[], work: (client: S3Client) => Promise<T>): Promise<T>;
  /** Deletes an empty bucket. */
  deleteBucket(bucket: string): Promise<void>;
  /** Takes away what serves the environment as a whole, once nothing needs it any more. */
  tidy(): Promise<void>;
  /** The server's version, e.g. `2.5.0`. */
  version(): Promise<string>;
  /** What a module's login must not be able to do beside the S3 API; each throws what the server answers. */
  forbidden(login: Login, client: S3Client): readonly Attempt[];
  close(): void;
}
