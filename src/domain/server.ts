/**
 * A member's Postgres server as it was observed: what the drivers report, what the core decides on, what peers tell
 * each other. Times are monotonic milliseconds of the host that observed it.
 */
import type { MemberId } from "./cluster.ts";
import type { Lsn } from "./lsn.ts";

/** Own Postgres, as last observed. */
export type Server = AbsentServer | StoppedServer | StartingServer | RunningServer | UnresponsiveServer;

/** No data directory, or one that a clone did not finish. */
export interface AbsentServer {
  readonly kind: "absent";
}
export interface StoppedServer {
  readonly kind: "stopped";
  /** shut down in order: its log ends at `end` */
  readonly clean: boolean;
  readonly wasPrimary: boolean;
  readonly timeline: number;
  /** end of the log; only known after a clean stop */
  readonly end: Lsn | undefined;
  readonly since: number;
  /** how often in a row it came to an end within the start or soon after, since it last ran well */
  readonly failures: number;
  /** the directory is damaged beyond a start: re-clone is the only way */
  readonly damaged: boolean;
  /** its disk was full when it ended: no start succeeds before there is room, and a copy would want still more */
  readonly noRoom?: boolean;
  /** what its log says of why it ended, for people */
  readonly lastWords?: string;
}
export interface StartingServer {
  readonly kind: "starting";
  readonly asPrimary: boolean;
  readonly since: number;
  /** standby: it needs log that the upstream does not have and never will, so it does not come up */
  readonly isHopeless?: boolean;
}
export interface RunningServer {
  readonly kind: "running";
  readonly role: "primary" | "standby";
  readonly since: number;
  /** of Postgres, `18.4`, as the server itself says; undefined from an agent of an older release */
  readonly version?: string;
  /** wall clock of its host: the postmaster's start, and the commit that was replayed last */
  readonly startedAt?: number;
  readonly replayedAt?: number;
  /** timeline of the newest log that it has */
  readonly timeline: number;
  /** end of the log on disk: own writes of a primary, received and flushed of a standby */
  readonly flushed: Lsn;
  readonly replayed: Lsn;
  /** standby: where it is told to stream from; null when told to stream from nobody */
  readonly upstream: MemberId | null;
  /** standby: whether a WAL receiver process exists, whatever it does */
  readonly receiving: boolean;
  /** standby: connected and streaming now */
  readonly streaming: boolean;
  /** standby: since when it has not streamed; undefined while it streams */
  readonly notStreamingSince: number | undefined;
  /** standby: the upstream lacks the WAL that it needs, or its slot is lost */
  readonly walMissing: boolean;
  /** `synchronous_standby_names` as a new session reads it */
  readonly syncNames: string;
  /** primary: the streams that leave it */
  readonly standbys: readonly StandbyStream[];
  /** physical slots that exist, by member */
  readonly slots: readonly MemberId[];
  /** those of them that keep log, and that nobody reads from now; undefined from an agent of an older release */
  readonly idleSlots?: readonly MemberId[];
  /** primary: written log waits for the disk and has not moved since; undefined while it moves or nothing is written */
  readonly flushStuckSince: number | undefined;
  /** settings changed that wait for a restart */
  readonly pendingRestart: boolean;
  /** generation of the cluster's spec whose settings its files say; 0 while that is not known */
  readonly configured: number;
  /** standby: the primary's settings that bind standbys are higher than its own; it replays no more before it starts anew */
  readonly settingsTooLow?: boolean;
  /** it failed to start with the settings that it should have, and runs with those from before: the server's own words */
  readonly settingsRefused?: string;
  /** that it should load, and its host lacks: it starts without them */
  readonly missingLibraries?: readonly string[];
  /** left out: not asked for, or not known */
  readonly clients?: ClientCount;
}
/** Who uses the server, besides this installation itself. */
export interface ClientCount {
  /** sessions of clients, and what works for them: enabled subscriptions, jobs that last */
  readonly connected: number;
  /** sessions ever begun, by its own count: it moves when somebody came and went between two looks */
  readonly served: number;
}
/** The process is there and answers nothing. */
export interface UnresponsiveServer {
  readonly kind: "unresponsive";
  readonly role: "primary" | "standby";
  readonly since: number;
}

/** One row of `pg_stat_replication`. */
export interface StandbyStream {
  /** `application_name`, see `voterName` */
  readonly name: string;
  readonly state: "streaming" | "catchup" | "startup" | "backup";
  readonly isSync: boolean;
  readonly flushed: Lsn | undefined;
  readonly replayed: Lsn | undefined;
}
