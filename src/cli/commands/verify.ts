import { verify } from "../../engine/verify.ts";
import { renderVerify } from "../../report/verify-matrix.ts";
import type { Io } from "../context.ts";
import { EXIT } from "../exit.ts";
import type { VerifyOptions } from "../options.ts";
import { openOutput } from "../output.ts";
import { places } from "../places.ts";
import { Servers } from "../servers.ts";
import { loadSession } from "../session.ts";

/** `g2p verify`: tries, as every login, what must work and what must be refused. */
export async function run(_args: readonly string[], options: VerifyOptions, io: Io): Promise<number> {
  const output = openOutput(io, options);
  const session = await loadSession(options, io, false);
  const servers = new Servers(session, io.env);
  const progress = await output.progress();
  try {
    const result = await verify(places(session, servers, { emit: progress.emit, signal: io.signal }), {
      ...(options.sample === undefined ? {} : { sample: options.sample }),
    });
    progress.stop();
    output.result(result, (look) => renderVerify(result, look));
    return result.ok ? EXIT.done : EXIT.changes;
  } finally {
    progress.stop();
  }
}
