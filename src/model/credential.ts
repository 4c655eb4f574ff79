import type { ClaimRef } from "./environment.ts";
import type { Secret } from "./secret.ts";

/** What a claim's login signs in with. */
export interface Credential {
  readonly username: string;
  readonly password: Secret;
}

/** Key of a claim in the maps of a {@link CredentialStore}: `sandbox/instance/claim`. */
export function credentialKey(ref: ClaimRef): string {
  return `${ref.sandbox}/${ref.instance}/${ref.claim}`;
}

/**
 * Where the credentials of claims are kept. The store decides: a password is made here once and servers follow it.
 * Several processes may use one store at a time and always agree on one password.
 */
export interface CredentialStore {
  /**
   * The credentials of all `refs`, keyed by {@link credentialKey}. A missing one is made with a random password and the
   * given username; a stored one is returned as it is, whatever `username` says.
   */
  getOrCreate(refs: readonly ClaimRef[], username: (ref: ClaimRef) => string): Promise<Map<string, Credential>>;
  /** Those credentials of `refs` that are stored, keyed by {@link credentialKey}; makes nothing. */
  read(refs: readonly ClaimRef[]): Promise<Map<string, Credential>>;
  /** Forgets a claim's credential; nothing happens when there is none. */
  remove(ref: ClaimRef): Promise<void>;
}
