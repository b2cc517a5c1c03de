/** The two clocks of a host: the monotonic one decides, the wall clock is for people. */
export interface Clock {
  /** monotonic, milliseconds */
  now(): number;
  /** milliseconds since 1970 */
  wallNow(): number;
}

/** CLOCK_MONOTONIC: the agent and the guard of a host read the same one (`performance.now` begins with the process). */
export const hostClock: Clock = { now: () => Number(process.hrtime.bigint()) / 1e6, wallNow: () => Date.now() };
