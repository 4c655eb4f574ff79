import type { OtherService } from "../../model/claim.ts";
import type { Endpoints } from "../../model/endpoint.ts";
import type { Emit } from "../../model/event.ts";
import type { Secret } from "../../model/secret.ts";
import type { RunAs } from "./run-as.ts";

/** How a server's process is run, always in its data directory. Secrets belong in files or in `env`, never in `args`, which every user of the machine can read. */
export interface EngineCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** All of it: nothing of our own environment is passed on but PATH and TZ. */
  readonly env: Readonly<Record<string, string>>;
}

/** All that is known about one server of an engine before it runs. */
export interface EngineSetup<Input> {
  /** What {@link Engine.install} gave: the folder of the program's files, readable by every user. */
  readonly home: string;
  /** Folder of this server's own files, writable by the user it runs as; its data lies below it. */
  readonly dataDir: string;
  /** Main port under `main`, and one for each of {@link Engine.extraPorts}; all on 127.0.0.1, kept between starts. */
  readonly ports: Readonly<Record<string, number>>;
  /** The administrator's password: made once, letters and digits only. */
  readonly password: Secret;
  /** Whom the process runs as; `undefined`: ourselves. */
  readonly user: RunAs | undefined;
  readonly input: Input;
}

/** What it takes to run one service on this machine. Everything common (ports, locks, records, processes, logs) is in `engine.ts`. */
export interface Engine<S extends OtherService, Input = undefined> {
  readonly service: S;
  /** Program and version as shown, e.g. `Kafka 4.3.1`. */
  readonly title: string;
  readonly extraPorts: readonly string[];
  /** Longest time from start to readiness, in ms, on a busy machine. */
  readonly readyTimeoutMs: number;
  /** What it writes to its log when it cannot start, where its process lives on all the same. */
  readonly startFailure?: RegExp;
  /** One line that names what to install, or `undefined` when all is here. Looks at PATH only; quick. */
  missing(): Promise<string | undefined>;
  /** Puts the program's files into the cache, unless they are there; safe to interrupt and to run twice at a time. */
  install(emit: Emit): Promise<string>;
  /**
   * Writes configuration and, the first time, data; called before every start while no process of this server runs. It may
   * have been interrupted before, so it completes what was begun and never empties what is complete.
   */
  prepare(setup: EngineSetup<Input>): Promise<EngineCommand>;
  /** Does the server let its administrator in? Throws only for what waiting cannot heal. */
  isReady(setup: EngineSetup<Input>): Promise<boolean>;
  /** Its address and administrator, once it runs. */
  endpoint(setup: EngineSetup<Input>): Endpoints[S];
}
