/**
 * Events about what an agent needs around it: the other hosts, the store, and the processes beside it (guard, relay).
 * See catalog.ts. `host.joined` and what else is asked for stands in host-events.ts.
 */
import { define, seconds } from "./kind.ts";

const guardReasons = new Map([
  ["promises-ended", "its voters' promises had run out"],
  ["not-holder", "another member holds the epoch"],
  ["no-agent", "its agent had said nothing for too long"],
]);

export const partEvents = {
  "host.lost": define<{ host: string; silent_ms: number }>(
    "error",
    "A host's agent has not been heard. Its primaries are replaced by other hosts' standbys; its members are replaced after a while when there is a spare host.",
    (e) => `host "${e.host}" has not been heard for ${seconds(e.silent_ms)}`,
  ),
  "host.back": define<{ host: string; away_ms: number }>(
    "info",
    "A host that was lost is heard again. Its members come back by themselves.",
    (e) => `host "${e.host}" is back after ${seconds(e.away_ms)}`,
  ),

  "guard.restarted": define<{ pid: number; reason: string }>(
    "warning",
    "The process that exchanges heartbeats and fences had ended or answered nothing, and was started again. It lets nobody vote for one promise's time.",
    (e) => `guard started again: ${e.reason}`,
  ),
  "guard.failed": define<{ reason: string }>(
    "error",
    "The guard cannot be started: this host's members can neither be primary nor vote.",
    (e) => `guard cannot be started: ${e.reason}`,
  ),
  "guard.fenced": define<{ because: string }>(
    "warning",
    "The guard ended a primary by itself, because its time was up and its agent had not done it.",
    (e) => `guard ended "${e.member}": ${guardReasons.get(e.because) ?? e.because}`,
  ),
  "relay.restarted": define<{ pid: number; reason: string }>(
    "warning",
    "The process that carries connections between hosts had ended or answered nothing, and was started again. Streams through it were cut and come back by themselves.",
    (e) => `relay started again: ${e.reason}`,
  ),
  "relay.failed": define<{ reason: string }>(
    "error",
    "The relay cannot be started: this host's members reach no other host's, and sessions through this host only its own.",
    (e) => `relay cannot be started: ${e.reason}`,
  ),

  "store.unavailable": define<{ reason: string }>(
    "warning",
    "The shared state cannot be read or written from this host. A healthy primary goes on; failover and changes wait.",
    (e) => `store cannot be reached: ${e.reason}`,
  ),
  "store.back": define<{ away_ms: number }>(
    "info",
    "The shared state can be used again.",
    (e) => `store can be reached again after ${seconds(e.away_ms)}`,
  ),
  "store.member-restarted": define<{ host: string; pid: number }>(
    "warning",
    "The etcd of this host had ended, or answered nothing, and was started again. The store works as long as more than half of its members do.",
    (e) => `etcd of host "${e.host}" was started again`,
  ),
  "store.member-failing": define<{ host: string; reason: string }>(
    "error",
    "The etcd of this host ends again and again. It is tried further; the other hosts' go on without it.",
    (e) => `etcd of host "${e.host}" does not stay up: ${e.reason}`,
  ),
  "store.member-removed": define<{ host: string }>(
    "warning",
    "The other hosts have taken this host's etcd out of the store; it is not started any more.",
    (e) => `etcd of host "${e.host}" takes part in the store no more`,
  ),
} as const;
