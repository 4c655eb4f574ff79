import { createHash } from "node:crypto";
import { type CredentialStore, credentialKey } from "../../model/credential.ts";
import type { Secret } from "../../model/secret.ts";
import { listOf, mapOf, RedisConnection, type Reply, textOf } from "./connection.ts";
import type { DesiredKeyspace } from "./desired.ts";
import { prefixesInUse } from "./keys.ts";
import { type Entry, type Mark, markAmong, parseRegister, REGISTER } from "./mark.ts";
import type { Server } from "./server.ts";

/** A user as ACL GETUSER shows it. */
export interface ObservedUser {
  readonly name: string;
  readonly flags: ReadonlySet<string>;
  /** SHA-256 of each of its passwords, as hexadecimal digits. */
  readonly passwords: readonly string[];
  /** As printed, e.g. `+@all -@dangerous`. */
  readonly commands: string;
  /** As given to ACL SETUSER, e.g. `~dev__farmers__*`. */
  readonly keys: readonly string[];
  /** Without the `&`. */
  readonly channels: readonly string[];
  /** Further sets of rights, from 7.0 on. */
  readonly selectors: number;
}

/** What is there of all that concerns us. */
export interface Observed {
  /** By name; of users that are neither wanted nor marked only wanted names are looked at. */
  readonly users: ReadonlyMap<string, ObservedUser>;
  /** Marks of users, by name of the user. */
  readonly marks: ReadonlyMap<string, Mark>;
  readonly register: ReadonlyMap<string, Entry>;
  /** SHA-256 of the stored passwords, by {@link credentialKey}. */
  readonly passwords: ReadonlyMap<string, string>;
  /** Wanted prefixes of which keys are there although neither a user nor the register knows them. */
  readonly strayPrefixes: ReadonlySet<string>;
}

/**
 * Looks at the users, the register and the stored passwords; writes nothing. Two round trips, whatever the number of claims. Nobody logs in:
 * the server shows the hashes of passwords, which say exactly what a login would. Keys are walked over only where a claim is to be
 * made of which there is no trace.
 */
export async function observe(
  server: Server,
  desired: readonly DesiredKeyspace[],
  credentials: CredentialStore,
): Promise<Observed> {
  const { connection } = server;
  const [list, register, stored] = await Promise.all([
    connection.send("ACL", "LIST"),
    connection.send("HGETALL", REGISTER).then(parseRegister),
    credentials.read(desired),
  ]);
  const marks = marksOf(list);
  const present = new Set(listOf(list).map((line) => textOf(line).split(" ", 2)[1] ?? ""));
  const names = new Set([...desired.map((one) => one.user), ...marks.keys()].filter((name) => present.has(name)));
  const users = await observeUsers(server, [...names]);
  const unknown = desired.filter((one) => !users.has(one.user) && !register.has(one.user)).map((one) => one.keyPrefix);
  return {
    users,
    marks,
    register,
    passwords: new Map([...stored].map(([key, credential]) => [key, passwordHash(credential.password)])),
    strayPrefixes: unknown.length === 0 ? new Set() : await apart(server, (other) => prefixesInUse(other, unknown)),
  };
}

/** Looks at users by name; those that are not there are left out. */
export async function observeUsers(server: Server, names: readonly string[]): Promise<Map<string, ObservedUser>> {
  const replies = await Promise.all(names.map((name) => server.connection.send("ACL", "GETUSER", name)));
  const found = new Map<string, ObservedUser>();
  replies.forEach((reply, index) => {
    const name = names[index] ?? "";
    if (reply !== null) found.set(name, userOf(name, reply));
  });
  return found;
}

/** The hash by which the server knows a password. */
export function passwordHash(password: Secret): string {
  return createHash("sha256").update(password.reveal()).digest("hex");
}

/** The stored password's hash of a claim. */
export function storedHash(observed: Observed, wanted: DesiredKeyspace): string | undefined {
  return observed.passwords.get(credentialKey(wanted));
}

/** Works on a connection of its own, as walks over keys do. */
export async function apart<T>(server: Server, work: (connection: RedisConnection) => Promise<T>): Promise<T> {
  const connection = await RedisConnection.open(server.endpoint, server.endpoint);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Lines of ACL LIST are the words of ACL files: `user <name> <rule>…`; names and patterns hold no spaces. */
function marksOf(list: Reply): Map<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const line of listOf(list)) {
    const [, name = "", ...words] = textOf(line).split(" ");
    const channels = words.filter((word) => word.startsWith("&")).map((word) => word.slice(1));
    const mark = markAmong(channels);
    if (mark !== undefined) marks.set(name, mark);
  }
  return marks;
}

/** Version 6.2 gives lists of bare patterns, 7.0 text with the rules' own signs. */
function userOf(name: string, reply: Reply): ObservedUser {
  const facts = mapOf(reply);
  const patterns = (field: string, sign: string): string[] => {
    const value = facts.get(field);
    if (typeof value === "string") return value.split(" ").filter((word) => word !== "");
    return listOf(value).map((one) => sign + textOf(one));
  };
  return {
    name,
    flags: new Set(listOf(facts.get("flags")).map(textOf)),
    passwords: listOf(facts.get("passwords")).map(textOf),
    commands: textOf(facts.get("commands")),
    keys: patterns("keys", "~"),
    channels: patterns("channels", "&").map((word) => word.slice(1)),
    selectors: listOf(facts.get("selectors")).length,
  };
}
