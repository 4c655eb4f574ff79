import { InvalidArgumentError } from "commander";

/** Options that every command has. */
export interface CommonOptions {
  /** Environment file as given; read it by `environmentFile` of context.ts. */
  readonly file?: string;
  /** State directory as given; read it by `stateDirectory` of context.ts. */
  readonly state?: string;
  readonly json: boolean;
  readonly verbose: boolean;
  /** False for `--no-color`. */
  readonly color: boolean;
}

export interface InitOptions extends CommonOptions {
  readonly environment?: string;
  readonly sandbox?: readonly string[];
  readonly module?: readonly string[];
  readonly postgresql?: "embedded" | "external";
  readonly withServices?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export interface PlanOptions extends CommonOptions {
  readonly quick?: boolean;
  /** Ids or names of foreign resources to take over. */
  readonly adopt?: readonly string[];
}

export interface ApplyOptions extends PlanOptions {
  /** Ids of lost resources to make again, empty. */
  readonly recreate?: readonly string[];
  readonly concurrency?: number;
}

export interface UpOptions extends CommonOptions {
  readonly detach?: boolean;
  readonly concurrency?: number;
}

export interface FootprintOptions extends CommonOptions {
  /** State directory of an environment that runs with a server for each instance. */
  readonly against?: string;
}

export interface VerifyOptions extends CommonOptions {
  readonly sample?: number;
}

/** Forms in which `g2p bindings` writes. */
export const BINDING_FORMATS = ["env", "dotenv", "json", "secret"] as const;

export interface BindingsOptions extends CommonOptions {
  readonly format?: (typeof BINDING_FORMATS)[number];
  readonly reveal?: boolean;
  readonly component?: string;
  readonly claim?: string;
}

export interface RemoveOptions extends CommonOptions {
  readonly deleteData?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Parser for options that take a whole number from 1. */
export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Expected a whole number from 1.");
  return Number(text);
}
