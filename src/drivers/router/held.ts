/** How many clients the endpoints of a cluster have while they are on hold. Called by the agent's entry. Pure. */
import type { RouterStatus } from "../../router/wire.ts";

/** @returns undefined when not all of its endpoints hold: somebody may get through */
export function heldConnections({ endpoints }: RouterStatus, cluster: string): number | undefined {
  const own = endpoints.filter((endpoint) => endpoint.cluster === cluster);
  if (own.length === 0 || own.some(({ state }) => state !== "hold")) return undefined;
  return own.reduce((sum, { sessions, waiting }) => sum + sessions + waiting, 0);
}
