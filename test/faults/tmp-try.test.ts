import { test, expect } from "vitest";
import { openWorld, disagreements } from "../support/world.ts";
test.each([[18,"superuser"],[15,"lesser"],[16,"lesser"]] as const)("%i %s", async (version, as) => {
  const w = await openWorld({ version, as });
  try {
    w.proxy.arm();
    let t = performance.now();
    const a = await w.g2p("apply", "--concurrency", "1");
    console.log(version, a.code, a.stdout, a.stderr, performance.now() - t, w.proxy.sideEffects.length);
    w.proxy.sideEffects.forEach((s, i) => console.log(i + 1, s.database, s.text.slice(0, 150)));
    t = performance.now();
    const p = await w.plan("plan"); console.log("plan", p.code, JSON.stringify(p.result.summary), p.stderr, performance.now() - t);
    t = performance.now();
    const v = await w.g2p("verify"); console.log("verify", v.code, v.stdout, v.stderr, performance.now() - t);
    console.log(await disagreements(w, { claims: 4 }));
    w.proxy.arm();
    t = performance.now();
    const r = await w.g2p("remove", "dev", "--delete-data", "--yes"); console.log("remove", r.code, r.stdout, r.stderr, performance.now() - t, w.proxy.sideEffects.length);
    w.proxy.sideEffects.forEach((s, i) => console.log(i + 1, s.database, s.text.slice(0, 300)));
    console.log(await disagreements(w, { claims: 1 }));
    t = performance.now(); await w.reset(); console.log("reset", performance.now() - t);
  } finally { await w.close(); }
}, 60000);
