import type { Position, Problem } from "../model/error.ts";
import type { Service } from "../model/service.ts";
import type { LoadedModule } from "../modules/load.ts";
import type { Path, SourceFile } from "../modules/source-file.ts";
import type { ModuleEntry } from "./environment-schema.ts";

/** One entry of a sandbox's `modules`, before it is resolved. */
export interface Entry {
  readonly sandbox: string;
  readonly instance: string;
  /** Where it stands in the file. */
  readonly path: Path;
  readonly position: Position;
  readonly data: ModuleEntry;
  /** Undefined where the module is unknown or its descriptor wrong; that is reported already. */
  readonly module: LoadedModule | undefined;
  /** True where parts of the entry were refused; what seems to be missing may be among them. */
  readonly damaged: boolean;
}

/** The environment file while its references are being resolved; problems are gathered here. */
export class Draft {
  readonly source: SourceFile;
  readonly problems: Problem[] = [];
  /** Names of all sandboxes in the file's order. */
  readonly sandboxes: string[] = [];
  readonly entries: Entry[] = [];
  /** Sandboxes with an entry that could not be read at all; instances that seem to be missing there may not be. */
  readonly incomplete = new Set<string>();
  /** Sandboxes with entries whose names could not be read, so that a name not found may be one of them. */
  readonly unnamed = new Set<string>();
  /** Services that modules get by other means; claims on them are left out. */
  readonly elsewhere = new Set<Service>();
  /** Names' prefix on the servers of each service that the commons has. */
  readonly prefixes: { [S in Service]?: string } = {};
  readonly #byId = new Map<string, Entry>();

  constructor(source: SourceFile) {
    this.source = source;
  }

  /** Adds an entry; gives the one that has its name already, if there is one. */
  add(entry: Entry): Entry | undefined {
    const id = idOf(entry);
    const first = this.#byId.get(id);
    if (first === undefined) {
      this.#byId.set(id, entry);
      this.entries.push(entry);
    }
    return first;
  }

  /** The entry `sandbox/instance`. */
  find(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  /** All entries of a sandbox, in the file's order. */
  inSandbox(sandbox: string): Entry[] {
    return this.entries.filter((entry) => entry.sandbox === sandbox);
  }

  /** Reports a mistake in the value at `path`. */
  report(path: Path, message: string): void {
    this.problems.push({ position: this.source.at(path), message });
  }

  /** Reports a mistake in the key at `path`. */
  reportKey(path: Path, message: string): void {
    this.problems.push({ position: this.source.atKey(path), message });
  }
}

/** A record's own value: names such as `constructor` are lawful here, and must not find what every object has. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** `sandbox/instance`. */
export function idOf(entry: { readonly sandbox: string; readonly instance: string }): string {
  return `${entry.sandbox}/${entry.instance}`;
}
