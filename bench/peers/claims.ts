import { randomBytes } from "node:crypto";

/** What a peer makes for one module: a database with an owner role and a login. */
export interface PeerClaim {
  readonly database: string;
  readonly owner: string;
  readonly login: string;
  readonly password: string;
}

/** That many claims with random passwords. */
export function peerClaims(count: number): PeerClaim[] {
  return Array.from({ length: count }, (_, index) => {
    const database = `peer_${index + 1}`;
    return {
      database,
      owner: `${database}_owner`,
      login: `${database}_login`,
      password: randomBytes(18).toString("base64url"),
    };
  });
}
