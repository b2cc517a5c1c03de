/** Events about one member: its server, its directory, its copy of the log, its vote. See catalog.ts. */
import { count, define, megabytes, seconds, waitsFor } from "./kind.ts";

function behind(lagMs: number | null, lagBytes: number): string {
  return lagMs === null
    ? `longer than is known and ${megabytes(lagBytes)}`
    : `${seconds(lagMs)} and ${megabytes(lagBytes)}`;
}

export const memberEvents = {
  "member.replacing": define<{ lost: string; host: string; to_host: string; silent_ms: number }>(
    "warning",
    "A host has not been heard for so long that its member is replaced by a new one on a spare host.",
    (e) =>
      `host "${e.host}" has not been heard for ${seconds(e.silent_ms)}; "${e.member}" on "${e.to_host}" will replace "${e.lost}"`,
  ),
  "member.replaced": define<{ lost: string; host: string }>(
    "info",
    "A member on another host has taken the place of one; the old one goes, with its directory when its host is there.",
    (e) => `"${e.member}" has replaced "${e.lost}" of host "${e.host}"`,
  ),
  "member.forgotten": define<{ host: string }>(
    "warning",
    "A member that is to go was on a host that does not answer: its record is gone, its directory is kept aside when the host comes back.",
    (e) => `member "${e.member}" is gone from the records; what host "${e.host}" has of it is kept aside there`,
  ),
  "member.orphaned": define<{ kept_as: string }>(
    "warning",
    "This host had the directory of a member that does not exist any more. Its server was ended, the directory was put aside.",
    (e) => `member "${e.member}" does not exist any more; its directory is kept as "${e.kept_as}"`,
  ),
  "primary.lost": define<{ reason: string }>(
    "error",
    "The primary's Postgres ended. Another member takes over, or it is started again.",
    (e) => `primary "${e.member}" ended: ${e.reason}`,
  ),
  "primary.frozen": define<{ silent_ms: number }>(
    "error",
    "The primary's process exists and answers nothing. It is treated as lost.",
    (e) => `primary "${e.member}" has not answered for ${seconds(e.silent_ms)}`,
  ),
  "primary.stalled": define<{ waiting_ms: number }>(
    "error",
    "Sessions work and commits do not return: the voters are gone, or the disk does not flush.",
    (e) => `commits on primary "${e.member}" have not returned for ${seconds(e.waiting_ms)}`,
  ),
  "primary.fenced": define<{ reason: string }>(
    "warning",
    "A server was stopped hard so that it takes no more writes, because its right to be primary had ended.",
    (e) => `"${e.member}" was fenced: ${e.reason}`,
  ),
  "primary.restarted": define(
    "warning",
    "The primary ended and was started again in place, with everything that was acknowledged.",
    (e) => `primary "${e.member}" was started again`,
  ),
  "primary.open": define<{ timeline: number }>(
    "info",
    "A new primary's first commit was acknowledged by its voters; clients are let in.",
    (e) => `primary "${e.member}" takes writes`,
  ),

  "server.started": define<{ role: string; pid: number }>(
    "info",
    "A Postgres server runs.",
    (e) => `${e.role} "${e.member}" started`,
  ),
  "server.adopted": define<{ role: string; pid: number }>(
    "info",
    "The agent found the server running and took it over.",
    (e) => `running ${e.role} "${e.member}" taken over`,
  ),
  "server.stopped": define("info", "A Postgres server was stopped in order.", (e) => `server "${e.member}" stopped`),
  "server.crashed": define<{ role: string; reason: string }>(
    "warning",
    "A Postgres server ended by itself.",
    (e) => `${e.role} "${e.member}" ended: ${e.reason}`,
  ),
  "server.start-failed": define<{ reason: string; tries: number }>(
    "error",
    "A Postgres server ends at or soon after its start. It is tried again with rising delays; its log tells why.",
    (e) => `server "${e.member}" does not start (${e.tries} tries): ${e.reason}`,
  ),
  "standby.frozen": define<{ silent_ms: number }>(
    "warning",
    "A standby's process exists and answers nothing.",
    (e) => `standby "${e.member}" has not answered for ${seconds(e.silent_ms)}`,
  ),
  "standby.joined": define("info", "A new member streams for the first time.", (e) => `standby "${e.member}" streams`),
  "standby.rejoined": define<{ how: string }>(
    "info",
    "A member that was away streams again. `how`: follow, rewind or clone.",
    (e) => `standby "${e.member}" is back (${e.how})`,
  ),

  "upstream.lost": define<{ upstream: string; now: string }>(
    "warning",
    "The standby that a replica is to follow does not stream any more. The replica follows the primary until it does.",
    (e) => `"${e.member}" follows "${e.now}", for "${e.upstream}" does not stream`,
  ),
  "upstream.back": define<{ upstream: string }>(
    "info",
    "A replica follows the standby again that it is to follow.",
    (e) => `"${e.member}" follows "${e.upstream}" again`,
  ),
  "reads.left": define<{ lag_bytes: number; lag_ms: number | null }>(
    "warning",
    "A standby is further behind than the cluster's limit for reads. The read endpoint leads to others until it is back.",
    (e) => `standby "${e.member}" is ${behind(e.lag_ms, e.lag_bytes)} behind and serves no reads`,
  ),
  "reads.back": define<{ lag_bytes: number; lag_ms: number | null }>(
    "info",
    "A standby that was too far behind has kept well within the limit for reads again for a while.",
    (e) => `standby "${e.member}" serves reads again`,
  ),

  "rejoin.rewind": define<{ source: string; reason: string }>(
    "info",
    "A former primary is rewound to where the new one left its log. What is undone was never acknowledged.",
    (e) => `"${e.member}" is rewound to follow "${e.source}": ${e.reason}`,
  ),
  "rejoin.rewind-failed": define<{ source: string; reason: string }>(
    "warning",
    "The rewind failed; the member is cloned instead.",
    (e) => `rewind of "${e.member}" failed: ${e.reason}`,
  ),
  "rejoin.clone": define<{ source: string; reason: string }>(
    "info",
    "The member gets a new copy; the old directory is kept until the new one streams.",
    (e) => `"${e.member}" is copied anew from "${e.source}": ${e.reason}`,
  ),
  "clone.failed": define<{ source: string; reason: string }>(
    "error",
    "The copy failed; the old directory is as it was. It is tried again with rising delays.",
    (e) => `copy of "${e.source}" for "${e.member}" failed: ${e.reason}`,
  ),
  "member.data-kept": define<{ snapshot: string; size_bytes: number; until: string }>(
    "warning",
    "A member came back with log that a forced failover went on without. Writes in it may have been acknowledged, so its data is a snapshot now, before it is copied anew or removed.",
    (e) =>
      `what "${e.member}" had before the forced failover is kept as snapshot ${e.snapshot} until ${e.until}; \
to look into it: matriarch restore ${e.cluster} NEW --snapshot ${e.snapshot}`,
  ),
  "member.no-room-to-keep": define<{ reason: string }>(
    "error",
    "A member came back with log that a forced failover went on without, and there is no room for a new copy beside its data. It stays down, and its data as it is, until there is.",
    (e) =>
      `"${e.member}" waits with what a forced failover went on without: ${e.reason}. Make room, or delete older snapshots: \
matriarch snapshot list ${e.cluster}`,
  ),
  "member.out-of-memory": define<{ limit_bytes: number; processes: number }>(
    "error",
    "A member used up the memory that its cluster gives it, and the kernel ended processes of its server. The server ends \
then; what it acknowledged is kept, and another member takes over or it is started again. Give it more, or find the query.",
    (e) =>
      `"${e.member}" used up its ${megabytes(e.limit_bytes)} of memory, and the kernel ended ${count(e.processes, "process", "processes")} of it; \
give it more with: matriarch scale ${e.cluster} --memory ${megabytes(2 * e.limit_bytes).replace(" ", "")}`,
  ),
  "member.not-limited": define<{ reason: string }>(
    "warning",
    "The memory or the cpus that a cluster gives each member cannot be enforced on this host. Everything else goes on.",
    (e) => `"${e.member}" is not kept to the memory and cpus that it was given: ${e.reason}`,
  ),
  "directory.lost": define(
    "error",
    "A member's data directory is gone. It is cloned from another member.",
    (e) => `data directory of "${e.member}" is gone`,
  ),
  "directory.damaged": define<{ reason: string }>(
    "error",
    "A member's data directory cannot be started any more. It is cloned from another member.",
    (e) => `data directory of "${e.member}" is damaged: ${e.reason}`,
  ),
  "wal.lost": define<{ upstream: string }>(
    "warning",
    "The upstream no longer has the log that a standby needs. It is cloned anew.",
    (e) => `"${e.upstream}" no longer has the log that "${e.member}" needs`,
  ),

  "rule.degraded": define<{ voters: readonly string[]; acks: number; reason: string }>(
    "warning",
    "Fewer standbys than planned acknowledge commits. The cluster survives fewer failures until rule.restored.",
    (e) => `commits now wait for ${waitsFor(e.acks, e.voters)}: ${e.reason}`,
  ),
  "rule.restored": define<{ voters: readonly string[]; acks: number }>(
    "info",
    "As many standbys as planned acknowledge commits again.",
    (e) => `commits wait for ${waitsFor(e.acks, e.voters)} again`,
  ),
  "voter.added": define<{ voters: readonly string[]; acks: number }>(
    "info",
    "One more standby acknowledges commits and votes.",
    (e) => `"${e.member}" acknowledges commits; they wait for ${waitsFor(e.acks, e.voters)}`,
  ),
  "voter.dropped": define<{ voters: readonly string[]; acks: number; reason: string }>(
    "warning",
    "A standby acknowledges no more commits.",
    (e) => `"${e.member}" acknowledges commits no more (${e.reason}); they wait for ${waitsFor(e.acks, e.voters)}`,
  ),
  "vote.cast": define<{ for_epoch: number }>(
    "info",
    "A standby stopped listening to a primary that it cannot hear, and voted for a new one.",
    (e) => `"${e.member}" votes for a new primary`,
  ),
  "vote.withdrawn": define<{ holder: string }>(
    "info",
    "The primary was there after all.",
    (e) => `"${e.member}" withdrew its vote and follows "${e.holder}"`,
  ),
} as const;
