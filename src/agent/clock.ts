/** The two clocks of a host: the monotonic one decides, the wall clock is for people. */
export interface Clock {
  /** monotonic, milliseconds */
  now(): number;
  /** milliseconds since 1970 */
  wallNow(): number;
}

export const hostClock: Clock = { now: () => performance.now(), wallNow: () => Date.now() };
