/**
 * The relay process: carries Postgres connections between this host and the others. Started by the agent
 * (drivers/relay/) and outlives it: when the agent goes away, the last word that it gave holds.
 */
import { stand, type Standing } from "../links/standing.ts";
import { Relay } from "./relay.ts";
import { parseRequest } from "./requests.ts";
import type { RelayRequest } from "./wire.ts";

/** Returns when requests are taken; the process ends when it was told to drain, or by a signal. */
export async function runRelay(options: Standing): Promise<void> {
  await stand<RelayRequest>(options, (log, exit) => {
    const relay = new Relay({ version: options.version, log, drained: exit });
    return { parse: parseRequest, handle: (request) => relay.handle(request) };
  });
}
