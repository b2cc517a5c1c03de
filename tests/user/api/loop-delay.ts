/** Loaded into an agent by NODE_OPTIONS: writes each second how late its event loop was at worst. See agent.ts. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const home = process.env["MATRIARCH_HOME"];
if (home !== undefined && process.argv[1]?.endsWith("agent.mjs") === true) {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  setInterval(() => {
    const line = { at: Date.now(), max_ms: Math.max(0, Math.round(delay.max / 1e6) - 10) };
    delay.reset();
    appendFileSync(join(home, "loop-delay.log"), `${JSON.stringify(line)}\n`);
  }, 1000).unref();
}
