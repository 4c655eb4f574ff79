import { ident } from "../../../src/providers/postgresql/sql.ts";
import type { Combination } from "../combinations.ts";
import type { Actor } from "./scene.ts";

/** What apply makes of a drift: it repairs it, or leaves all as it is and says `needs superuser`. */
export type Outcome = "repaired" | "needs superuser";

/** One drift, injected alone into a server that is as wanted. */
export interface DriftCase {
  /** What happened, as the end of the sentence "plan names and apply repairs: …". */
  readonly drift: string;
  readonly inject: readonly string[] | ((on: Combination) => readonly string[]);
  /** Where it is injected; default `postgres`. */
  readonly database?: string;
  /** Who did it; default the superuser. */
  readonly by?: Actor;
  /** The only items and aspects that plan may name. `{admin}` stands for the admin's role. */
  readonly named:
    Readonly<Record<string, readonly string[]>> | ((on: Combination) => Readonly<Record<string, readonly string[]>>);
  /** Where the admin is no superuser; default `repaired`. */
  readonly lesser?: Outcome | ((version: number) => Outcome);
  /** Takes it back by hand where apply may not. */
  readonly undo?: readonly string[];
  /** Run by the superuser, in the same database, after the repair: removes what the injection made. */
  readonly cleanup?: readonly string[];
  /** Logins whose passwords are not what they were. */
  readonly newPasswords?: readonly string[];
  /** Combinations in which it can happen; default all. */
  readonly when?: (on: Combination) => boolean;
}

/** From 16 on, rights over a role come from ADMIN OPTION on it; before, CREATEROLE was enough. */
export const since16 = (version: number): Outcome => (version >= 16 ? "needs superuser" : "repaired");

/** `GRANTED BY` the admin, where memberships know their grantor. */
export function grantedByAdmin({ version, admin }: Combination): string {
  return admin === "lesser admin" && version >= 16 ? " GRANTED BY {admin}" : "";
}

/** Quoted names, for statements. */
export function quoted<K extends string>(names: Readonly<Record<K, string>>): Record<K, string> {
  return Object.fromEntries(Object.entries<string>(names).map(([key, name]) => [key, ident(name)])) as Record<
    K,
    string
  >;
}

/** The parts of a case that may depend on the combination, decided. */
export function decide(one: DriftCase, on: Combination) {
  return {
    inject: typeof one.inject === "function" ? one.inject(on) : one.inject,
    named: typeof one.named === "function" ? one.named(on) : one.named,
    outcome:
      on.admin === "superuser"
        ? "repaired"
        : typeof one.lesser === "function"
          ? one.lesser(on.version)
          : (one.lesser ?? "repaired"),
  };
}
