import { text } from "node:stream/consumers";
import { apply } from "../../src/engine/apply.ts";
import { remove } from "../../src/engine/teardown.ts";
import type { OtherService } from "../../src/model/claim.ts";
import type { Endpoints } from "../../src/model/endpoint.ts";
import { placeOf } from "./place.ts";
import { decode } from "./secrets.ts";
import type { Subject } from "./subject.ts";

/** What a worker is told on its standard input. */
export interface Job {
  readonly module: string;
  readonly endpoint: Endpoints[OtherService];
  readonly environment: { readonly id: string; readonly name: string };
  readonly prefix: string;
  readonly folder: string;
  readonly verb: "apply" | "remove";
}

// A process of its own that applies or removes an environment, to be killed in the middle of it. It says `begin` when it begins
// and `end` when all was done.
const job = decode(await text(process.stdin)) as Job;
const { subject } = (await import(job.module)) as { subject: Subject<OtherService> };
const placement = { ...subject.placement(job.environment.id, job.prefix), environment: job.environment };
const emit = () => {};
const place = placeOf(subject, job.endpoint, placement, job.folder, emit, new AbortController().signal);
process.stdout.write("begin\n");
if (job.verb === "apply") await apply([place], { depth: "quick", policy: { adopt: [], recreate: [] }, emit });
else
  for (const sandbox of new Set([...placement.claims, ...placement.accesses].map((one) => one.sandbox)))
    await remove([place], { scope: { sandbox }, deleteData: true }, emit);
process.stdout.write("end\n");
