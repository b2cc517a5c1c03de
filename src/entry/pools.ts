/** The poolers of this host, put together for the agent: where their files are, whom they ask who may log in, who is told. */
import { join } from "node:path";
import type { MemberServers } from "../agent/member-servers.ts";
import { Pools, type LoginSource } from "../agent/pools.ts";
import { createPooler } from "../drivers/pgbouncer/process.ts";
import { LoginReader } from "../drivers/postgres/accounts/verifiers.ts";
import type { EventLog } from "../events/event-log.ts";
import { reasonOf } from "./kept-processes.ts";
import type { Setup } from "./setup.ts";

export interface PoolPlaces {
  readonly servers: MemberServers;
  readonly setup: Pick<Setup, "upstream" | "hosts">;
  readonly events: EventLog;
  readonly changed: (cluster: string) => void;
  /** where a pooler's log goes */
  readonly logs: string;
}

export function makePools({ servers, setup, events, changed, logs }: PoolPlaces): Pools {
  return new Pools({
    make: (cluster) =>
      // With a dot, which no member's name has.
      createPooler({
        directory: servers.socketDirectory(`pool.${cluster}`),
        logPath: join(logs, `pool-${cluster}.log`),
        owner: servers.owner,
      }),
    makeReader: () => readerAt(setup.upstream),
    hosts: () => setup.hosts.all().length,
    maxConnections: ({ spec }) => Number(servers.wanted(spec.value).settings["max_connections"] ?? 100),
    changed,
    tell: {
      restarted: (cluster, { newPid, reason, tookMs }) =>
        events.emit("pool.restarted", { cluster, durationMs: Math.round(tookMs) }, { pid: newPid, reason }),
      failed: (cluster, error) => events.emit("pool.failed", { cluster }, { reason: reasonOf(error) }),
      late: (cluster, open, waited) => events.emit("pool.late", { cluster }, { open, waited_ms: waited }),
    },
  });
}

/** On the primary, wherever that is. */
function readerAt(upstream: Setup["upstream"]): LoginSource {
  const reader = new LoginReader();
  return {
    read: async ({ reign, members }) => {
      const holder = members[reign.value.holder]?.value;
      return holder && reader.read(upstream(holder));
    },
    forget: () => reader.forget(),
    close: () => reader.close(),
  };
}
