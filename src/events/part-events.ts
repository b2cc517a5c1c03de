/**
 * Events about what an agent needs around it: the other hosts, the store, and the processes beside it (guard, relay).
 * See catalog.ts. `host.joined` and what else is asked for stands in host-events.ts.
 */
import { bytes, define, seconds } from "./kind.ts";

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

  "guard.restarted": define<{ pid: number }>(
    "warning",
    "The process that exchanges heartbeats and fences had ended and was started again. It lets nobody vote for one promise's time.",
    () => "guard started again",
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
  "relay.restarted": define<{ pid: number }>(
    "warning",
    "The process that carries connections between hosts had ended and was started again. Streams through it were cut and come back by themselves.",
    () => "relay started again",
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
  "store.member-restarted": define<{ pid: number }>(
    "warning",
    "The etcd of this host had ended, or answered nothing, and was started again. The store works as long as more than half of its members do.",
    () => "etcd started again",
  ),
  "store.member-silent": define<{ pid: number }>(
    "warning",
    "The etcd of this host lives and answers nothing. It is ended and started again.",
    () => "etcd does not answer",
  ),
  "store.member-failing": define<{ reason: string }>(
    "error",
    "The etcd of this host ends again and again. It is tried further; the other hosts' go on without it.",
    (e) => `etcd does not stay up: ${e.reason}`,
  ),
  "store.member-rebuilt": define<{ kept_as: string | null }>(
    "warning",
    "The data of this host's etcd were damaged or gone, and were copied anew from the other hosts'.",
    (e) =>
      `etcd has a new copy of the store${e.kept_as === null ? "" : `; what was left of the old one is in "${e.kept_as}"`}`,
  ),
  "store.member-removed": define(
    "warning",
    "The other hosts have taken this host's etcd out of the store; it is not started any more.",
    () => "etcd of this host takes part in the store no more",
  ),
  "store.quota-reached": define<{ used_bytes: number }>(
    "error",
    "The store is full, in spite of compaction: nothing can be changed and nobody can take over until it is freed.",
    (e) => `store is full at ${bytes(e.used_bytes)}`,
  ),
  "store.quota-cleared": define<{ used_bytes: number }>(
    "info",
    "The store has room again.",
    (e) => `store has room again, at ${bytes(e.used_bytes)}`,
  ),
  "store.corrupt": define<{ store_member: string }>(
    "error",
    "Members of etcd hold different data. It needs a person: remove that host and join it again.",
    (e) => `etcd member "${e.store_member}" holds other data than the rest`,
  ),
} as const;
