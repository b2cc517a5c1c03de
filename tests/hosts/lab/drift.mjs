/**
 * Preloaded into every Node process of a laboratory's host (NODE_OPTIONS=--import): their clocks run faster or slower, by
 * MATRIARCH_TEST_CLOCK_RATE. The monotonic clock and all timers, so that a guard counts its promises as on a machine whose
 * clock drifts. Every process of the host computes the same time from the real one, as processes that share a clock must;
 * libfaketime would begin anew in each.
 */
import { createRequire, syncBuiltinESMExports } from "node:module";

const rate = Number(process.env.MATRIARCH_TEST_CLOCK_RATE);
const require = createRequire(import.meta.url);

const bigint = process.hrtime.bigint.bind(process.hrtime);
const scaled = () => BigInt(Math.round(Number(bigint()) * rate));
process.hrtime = Object.assign(
  (since = [0, 0]) => {
    const passed = Number(scaled()) - (since[0] * 1e9 + since[1]);
    return [Math.floor(passed / 1e9), Math.round(passed % 1e9)];
  },
  { bigint: scaled },
);

const now = performance.now.bind(performance);
performance.now = () => now() * rate;

const timers = require("node:timers");
const promises = require("node:timers/promises");
const { setTimeout: after, setInterval: every } = globalThis;
const { setTimeout: sleep } = promises;
const slow = (ms) => (typeof ms === "number" ? ms / rate : ms);
timers.setTimeout = globalThis.setTimeout = Object.assign((run, ms, ...args) => after(run, slow(ms), ...args), after);
timers.setInterval = globalThis.setInterval = (run, ms, ...args) => every(run, slow(ms), ...args);
promises.setTimeout = (ms, ...rest) => sleep(slow(ms), ...rest);
syncBuiltinESMExports();
