/** The outcome of one look at a view: what to do, why, and when to look again at the latest. */
import type { Action } from "./action.ts";
import type { Reason } from "./reason.ts";
import type { View } from "./view.ts";

export interface Decision {
  readonly actions: readonly Action[];
  readonly because: Reason;
  /** monotonic; the loop looks again then even if nothing has happened */
  readonly recheckAt?: number;
}

/** Decides, or has nothing to say. */
export type Rule = (view: View) => Decision | undefined;
