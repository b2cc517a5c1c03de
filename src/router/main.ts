/**
 * The router process: owns the endpoints' ports, ends TLS and moves bytes between clients and servers. Started by the
 * agent (drivers/router/) and outlives it: when the agent goes away, the last word that it gave holds. It decides
 * nothing about who is primary, reads no store, and no client can end it.
 */
import type { Listener } from "../links/control.ts";
import { stand, type Standing } from "../links/standing.ts";
import { parseRequest } from "./requests.ts";
import { defaultLimits, type Limits } from "./shared.ts";
import { Threads } from "./threads.ts";
import type { RouterNews, RouterRequest } from "./wire.ts";

export interface RouterOptions extends Standing {
  /** program of its further threads: calls runWorker */
  readonly threadFile: string;
  readonly limits?: Partial<Limits>;
}

/** Returns when requests are taken; the process ends when it was told to drain, or by a signal. */
export async function runRouter(options: RouterOptions): Promise<void> {
  const limits = { ...defaultLimits, ...options.limits };
  const { version, threadFile } = options;
  await stand<RouterRequest>(options, (log, exit) => {
    const agents = new Set<Listener>();
    const clientWaits = (news: RouterNews): void => {
      for (const agent of agents) agent.tell(news);
    };
    const router = new Threads({ version, threadFile, limits, log, drained: exit, clientWaits });
    return {
      parse: parseRequest,
      handle: (request) => router.handle(request),
      joined: (agent) => {
        agents.add(agent);
        agent.onLeave(() => agents.delete(agent));
      },
    };
  });
}
