/** Events about an installation, a whole cluster, its users and settings. See catalog.ts. */
import { count, define, lasted, list, megabytes, pauseReason, paused, seconds } from "./kind.ts";

export const clusterEvents = {
  "agent.started": define<{ version: string; pid: number }>(
    "info",
    "The agent of this host runs.",
    (e) => `agent ${e.version} started`,
  ),
  "agent.stopped": define<{ servers: string }>(
    "info",
    "The agent ended in order. Unless told otherwise the Postgres servers go on without it.",
    (e) => `agent stopped; Postgres servers ${e.servers}`,
  ),
  "events.reset": define<{ kept_as: string }>(
    "warning",
    "The event file could not be read. It was put aside and a new one begun; clusters are not touched by this.",
    (e) => `event file was damaged, kept as "${e.kept_as}"`,
  ),
  "router.restarted": define<{ pid: number; reason: string }>(
    "warning",
    "The router had ended or answered nothing, and was started again. Sessions through it were cut and can reconnect at once.",
    (e) => `router started again: ${e.reason}`,
  ),
  "router.failed": define<{ reason: string }>(
    "error",
    "The router cannot be started: the endpoints do not answer. Members' own ports still do.",
    (e) => `router cannot be started: ${e.reason}`,
  ),
  "endpoint.not-listening": define<{ reason: string }>(
    "error",
    "An endpoint cannot listen, mostly because something else has its port. It is tried again until it can.",
    (e) => `an endpoint does not listen: ${e.reason}`,
  ),

  "cluster.created": define<{ members: number; version: string; durability: string }>(
    "info",
    "The cluster serves.",
    (e) =>
      `cluster "${e.cluster}" created: ${count(e.members, "member", "members")}, Postgres ${e.version}, durability ${e.durability}`,
  ),
  "cluster.create-failed": define<{ reason: string }>(
    "error",
    "The cluster could not be made; what there was of it has been removed.",
    (e) => `cluster "${e.cluster}" was not created: ${e.reason}`,
  ),
  "cluster.destroyed": define(
    "info",
    "The cluster and its data were removed, because somebody asked for it.",
    (e) => `cluster "${e.cluster}" destroyed`,
  ),
  "cluster.stopped": define(
    "info",
    "All servers of the cluster were stopped, because somebody asked for it.",
    () => "cluster stopped",
  ),
  "cluster.started": define("info", "The servers of a stopped cluster run again.", () => "cluster started"),
  "cluster.reads": define<{ lag_ms: number | null; lag_bytes: number | null; fallback: string | null }>(
    "info",
    "How far behind a standby may be that serves reads, or who does when none is fit, was changed by somebody.",
    (e) =>
      [
        ...(e.lag_ms === null ? [] : [`standbys serve reads up to ${lasted(e.lag_ms)} behind`]),
        ...(e.lag_bytes === null ? [] : [`standbys serve reads up to ${megabytes(e.lag_bytes)} behind`]),
        ...(e.fallback === null ? [] : [`reads that no standby is fit for: ${e.fallback}`]),
      ].join("; "),
  ),
  "cluster.autostop": define<{ idle_ms: number | null }>(
    "info",
    "How long without a client the cluster stays awake was changed, because somebody asked for it.",
    (e) =>
      e.idle_ms === null ? "autostop turned off" : `autostop set: asleep after ${lasted(e.idle_ms)} without a client`,
  ),
  "cluster.asleep": define<{ idle_ms: number }>(
    "info",
    "No client was there for as long as `autostop` says, so the servers were stopped. The next client wakes the cluster.",
    (e) => `cluster asleep: no client for ${lasted(e.idle_ms)}`,
  ),
  "cluster.woken": define<{ by: string; took_ms: number }>(
    "info",
    "A client or a command needed the sleeping cluster, and its servers run again. `took_ms` is from the knock until the primary endpoint was open.",
    (e) => `cluster woken by ${e.by}: served again after ${e.took_ms} ms`,
  ),
  "cluster.paused": define<{ until: string }>(
    "warning",
    "Automation stands still for work by hand: no failover, no restarts. It ends by itself.",
    (e) => `automation paused until ${e.until}`,
  ),
  "cluster.resumed": define("info", "Automation works again.", () => "automation resumed"),
  "cluster.unavailable": define<{ reason: string }>(
    "error",
    "No write can be acknowledged. `matriarch explain` names what is missed.",
    (e) => `cluster cannot take writes: ${e.reason}`,
  ),
  "cluster.available": define("info", "Writes are acknowledged again.", () => "cluster takes writes again"),

  "failover.started": define<{ from: string; reason: string }>(
    "warning",
    "The primary is gone; another member takes over.",
    (e) => `failover from "${e.from}" began: ${e.reason}`,
  ),
  "failover.done": define<{ from: string; timeline: number }>(
    "warning",
    "Another member is primary and takes writes. Nothing that was acknowledged was lost, unless data.loss-accepted stands before it.",
    (e) => `"${e.member}" took over from "${e.from}"`,
  ),
  "failover.failed": define<{ from: string; reason: string }>(
    "error",
    "The member that was to take over could not. Another one tries.",
    (e) => `"${e.member}" could not take over from "${e.from}": ${e.reason}`,
  ),
  "failover.impossible": define<{ missing: readonly string[] }>(
    "error",
    "No member may take over without the risk of losing acknowledged writes. Bring back one of those named, or see `matriarch failover --help`.",
    (e) => `nobody can take over: ${list(e.missing)} may hold acknowledged writes and cannot be reached`,
  ),
  "data.loss-accepted": define<{ missing: readonly string[] }>(
    "warning",
    "An operator forced a failover without the votes that prove that nothing is lost. What a member that comes back has and the cluster lacks is kept as a snapshot (member.data-kept).",
    (e) => `failover forced without ${list(e.missing)}; writes that only they held are not in the cluster any more`,
  ),
  "switchover.started": define<{ from: string; to: string }>(
    "info",
    "A planned change of the primary began.",
    (e) => `switchover from "${e.from}" to "${e.to}" began`,
  ),
  "switchover.done": define<{ from: string; to: string; write_pause_ms: number | null }>(
    "info",
    "The planned change is over.",
    (e) => `"${e.to}" is primary after "${e.from}"${paused(e.write_pause_ms)}`,
  ),
  "switchover.failed": define<{ from: string; to: string; reason: string }>(
    "error",
    "The planned change did not happen. The cluster has a primary: the old one, or one elected since.",
    (e) => `switchover from "${e.from}" to "${e.to}" failed: ${e.reason}`,
  ),
  "restart.started": define<{ members: readonly string[] }>(
    "info",
    "Servers are restarted one by one.",
    (e) => `restart of ${list(e.members)} began`,
  ),
  "restart.done": define<{ members: readonly string[] }>(
    "info",
    "The servers were restarted.",
    (e) => `${list(e.members)} restarted`,
  ),
  "restart.failed": define<{ reason: string }>(
    "error",
    "The restart stopped half-way; `matriarch status` shows which members run.",
    (e) => `restart failed: ${e.reason}`,
  ),
  "upgrade.started": define<{ members: readonly string[]; to: string }>(
    "info",
    "Members are restarted one by one on a newer minor version of Postgres.",
    (e) => `upgrade of ${list(e.members)} to Postgres ${e.to} began`,
  ),
  "upgrade.done": define<{ members: readonly string[]; to: string }>(
    "info",
    "The members run on the newer version.",
    (e) => `${list(e.members)} ${e.members.length === 1 ? "runs" : "run"} Postgres ${e.to}`,
  ),
  "upgrade.failed": define<{ to: string; reason: string }>(
    "error",
    "The upgrade stopped half-way: a member that did not start on the newer version was put back. Members on both versions work together; `matriarch version CLUSTER` shows who runs what.",
    (e) => `upgrade to Postgres ${e.to} stopped: ${e.reason}`,
  ),

  "writes.paused": define<{ since: string; ms: number; why: string }>(
    "info",
    "Writes were interrupted and go on: `since` when, for how long, and why. `matriarch events CLUSTER --downtime` adds these up.",
    (e) => `writes paused for ${e.ms < 10_000 ? `${Math.round(e.ms)} ms` : seconds(e.ms)} (${pauseReason(e.why)})`,
  ),

  "member.added": define("info", "The cluster has one more member.", (e) => `member "${e.member}" added`),
  "member.removed": define(
    "info",
    "A member and its directory were removed, because somebody asked for it.",
    (e) => `member "${e.member}" removed`,
  ),
  "attachment.made": define<{ app: string; user: string; database: string }>(
    "info",
    "An application got a user of its own in a database.",
    (e) => `"${e.app}" attached: user "${e.user}" in database "${e.database}"`,
  ),
  "attachment.rotated": define<{ app: string; user: string; database: string }>(
    "info",
    "An attached application got a new password.",
    (e) => `new password for "${e.app}"`,
  ),
  "attachment.removed": define<{ app: string; user: string; database: string }>(
    "info",
    "An application was detached: its user is gone, its database and data are there.",
    (e) => `"${e.app}" detached: user "${e.user}" dropped, database "${e.database}" kept`,
  ),
  "cluster.resized": define<{ memory_bytes: number; cpus: number; limited: readonly string[] }>(
    "info",
    "Each member gets another amount of memory or of processors, or is kept to them from now on, or no longer.",
    (e) =>
      `each member of "${e.cluster}" gets ${megabytes(e.memory_bytes)} and ${count(e.cpus, "cpu", "cpus")}, ${e.limited.length === 0 ? "for the tuning alone" : `limited: ${e.limited.join(" and ")}`}`,
  ),
  "config.changed": define<{ changes: readonly string[]; restart: boolean }>(
    "info",
    "Somebody changed settings. They are written on every member; `config.applied` follows when they are in force.",
    (e) => `settings changed: ${e.changes.join(", ")}${e.restart ? "; a restart puts them in force" : ""}`,
  ),
  "config.applied": define<{ members: readonly string[]; away: readonly string[] }>(
    "info",
    "Changed settings are in force, as read back from each member. One that is away gets them with its next start.",
    (e) =>
      `changed settings are in force on ${list(e.members)}${e.away.length === 0 ? "" : `; not yet on ${list(e.away)}`}`,
  ),
  "config.pending": define<{ settings: readonly string[]; members: readonly string[] }>(
    "warning",
    "Changed settings wait for a restart, which was not asked for: see `matriarch restart --help`.",
    (e) => `${e.settings.join(", ")} wait for a restart of ${list(e.members)}`,
  ),
  "config.reverted": define<{ changes: readonly string[]; reason: string }>(
    "error",
    "A server did not start with changed settings. They were taken back by themselves; nothing else was restarted with them.",
    (e) => `changed settings taken back, "${e.member}" does not start with them: ${e.reason}`,
  ),
  "database.created": define<{ database: string }>(
    "info",
    "A database was made.",
    (e) => `database "${e.database}" created`,
  ),
  "database.dropped": define<{ database: string }>(
    "warning",
    "A database and its data were removed, because somebody asked for it.",
    (e) => `database "${e.database}" dropped`,
  ),
  "user.created": define<{ user: string }>("info", "A database user was made.", (e) => `user "${e.user}" created`),
  "user.dropped": define<{ user: string }>(
    "info",
    "A database user was removed, because somebody asked for it. What it owned belongs to the databases' owners.",
    (e) => `user "${e.user}" dropped`,
  ),
  "user.role-changed": define<{ user: string; database: string; role: string }>(
    "info",
    "A user may do more, or less, in a database.",
    (e) => `user "${e.user}" is ${e.role === "none" ? "nothing" : e.role} in database "${e.database}" now`,
  ),
  "user.rotated": define<{ user: string }>(
    "info",
    "A user has a new password. Open sessions go on; new ones need it.",
    (e) => `password of user "${e.user}" changed`,
  ),
  "import.started": define<{ database: string; source: string; live: boolean }>(
    "info",
    "A database from elsewhere is being copied into the cluster.",
    (e) => `import of ${e.source} into database "${e.database}" began${e.live ? ", live" : ""}`,
  ),
  "import.following": define<{ database: string; source: string; tables: number }>(
    "info",
    "A live import has its schema and its subscription; the first copy runs, then changes follow until the cutover.",
    (e) => `database "${e.database}" follows ${e.source}: ${e.tables} tables`,
  ),
  "import.done": define<{ database: string; source: string; tables: number }>(
    "info",
    "A database from elsewhere is here, and was compared with its source.",
    (e) => `${e.source} imported into database "${e.database}": ${e.tables} tables`,
  ),
  "import.cutover": define<{ database: string; source: string; pause_ms: number }>(
    "info",
    "A live import is over: the database here has everything, and follows its source no more.",
    (e) => `database "${e.database}" is cut over from ${e.source}; writes paused for ${e.pause_ms} ms`,
  ),
  "import.cutover-settled": define<{ database: string; source: string; over: boolean; locked: boolean }>(
    "warning",
    "A cutover was cut short, by the death of its agent or of the way to the source. It is settled: the import follows as before and a source that was locked takes writes again, or, when both sides had been compared already, it is over.",
    (e) =>
      e.over
        ? `cutover of database "${e.database}" was cut short at its end, and is over now; ${e.source}${e.locked ? " stays read-only" : " is followed no more"}`
        : `cutover of database "${e.database}" was cut short; it goes on following${e.locked ? `, and ${e.source} takes writes again` : ` ${e.source}`}`,
  ),
  "import.failed": define<{ database: string; reason: string; undone: boolean }>(
    "error",
    "An import ended without success, or was given up. What it had made is gone, unless the event says otherwise: then `matriarch import abandon` takes it away.",
    (e) => `import into database "${e.database}" ended: ${e.reason}${e.undone ? "" : "; not undone yet"}`,
  ),
  "certificate.renewed": define<{ until: string }>(
    "info",
    "The endpoints use a new certificate of the installation's own authority.",
    (e) => `certificate renewed, valid until ${e.until}`,
  ),
} as const;
