/**
 * One member's Postgres on this host: its directory, its process, and what can be asked of it. Called by the agent's
 * loop (agent/observe.ts, agent/act.ts) and nobody else. Every call is safe to repeat and bounded in time; calls that
 * change the server are given one at a time, except `fence`, which may come at any moment and wins.
 */
import type { EngineKind, MemberId } from "../../domain/cluster.ts";
import type { Lsn } from "../../domain/lsn.ts";
import type { CommitRule } from "../../domain/rule.ts";
import type { Server } from "../../domain/server.ts";
import type { Timeline } from "../../domain/timeline.ts";

/** Binaries of one major version on this host. */
export interface Engine {
  readonly kind: EngineKind;
  readonly major: number;
  /** full version, `18.4` */
  readonly version: string;
  readonly binDirectory: string;
  /** of a user's own: tells builds of one version apart, which may differ in all that is fixed when building */
  readonly build?: string;
  /** environment that the binaries need (library path), added to a clean environment */
  readonly environment: Readonly<Record<string, string>>;
  /** which optional tools there are */
  readonly tools: { readonly pgRewind: string | undefined; readonly psql: string | undefined };
}

/** The unprivileged user that servers run as when the agent is root; undefined: as the agent's own user. */
export interface ServerOwner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** What a member's server is made of; never changes while the server object lives. */
export interface MemberServerConfig {
  readonly cluster: string;
  readonly member: MemberId;
  readonly incarnation: number;
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  readonly dataDirectory: string;
  /** directory of the Unix socket, 0700-ish, at most 90 characters */
  readonly socketDirectory: string;
  /** directory of the rotated server log */
  readonly logDirectory: string;
  /** loopback TCP port of the server */
  readonly port: number;
  /** all other settings, until `want` says others */
  readonly wanted: WantedSettings;
  /** the storage that the data directory lies in; without it a plain directory is made and left */
  readonly volume?: MemberVolume;
  /** it archives its log when it is primary (archive/command.ts); left out: never */
  readonly archives?: boolean;
  /** told of a postmaster as soon as it exists, before it has done anything */
  readonly launched?: (pid: number) => void;
}

export interface WantedSettings {
  /** of the cluster's spec */
  readonly generation: number;
  /** by their Postgres names: computed defaults and the user's, already validated */
  readonly settings: Readonly<Record<string, string>>;
}

/** One member's storage, as its server needs it. Both calls are safe to repeat. */
export interface MemberVolume {
  make(): Promise<void>;
  /** With what is in it. */
  remove(): Promise<void>;
}

/** Another member of the cluster, to stream or copy from. */
export interface Upstream {
  readonly member: MemberId;
  readonly socketDirectory: string;
  readonly port: number;
  /** readable on this host: a copy of files is possible */
  readonly dataDirectory: string | undefined;
}

export type StopOutcome = "stopped" | "still-running" | "fenced";
export interface CloneProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
  readonly how: "reflink" | "copy" | "base-backup";
}

/** What a look costs more for. */
export interface Wanted {
  readonly countsClients: boolean;
}

export interface MemberServer {
  /** pid of the postmaster, known as soon as it exists */
  readonly pid: number | undefined;

  /**
   * The server as it is now. Adopts a postmaster that already runs on this directory. Answers within `withinMs`; a
   * server that does not is `unresponsive`. Never throws for a broken server: that is an observation.
   */
  observe(withinMs: number, wanted?: Wanted): Promise<Server>;

  /** Called at once when the postmaster ends, or starts accepting; not for every change. */
  onChange(listener: () => void): void;

  /** Starts as a standby of `upstream` (null: of nobody). Returns once the process exists, not once it is ready. */
  startStandby(upstream: Upstream | null, rule: CommitRule): Promise<void>;
  /** Starts as the primary with `rule` in force before its first session. Only for the holder of the epoch. */
  startPrimary(rule: CommitRule): Promise<void>;
  /** Clean (fast) stop within `withinMs`, then as told. A hanging archiver or client does not prolong it. */
  stop(withinMs: number, then: "give-up" | "fence"): Promise<StopOutcome>;
  /** SIGQUIT, then SIGKILL to every process of the server; returns when none is left. Never refused. */
  fence(): Promise<void>;

  follow(upstream: Upstream): Promise<void>;
  /** Returns once no WAL receiver exists; then the flushed position cannot move any more. */
  stopReceiver(): Promise<void>;
  /** Plants `known` timelines, puts `rule` in force, promotes by signal until recovery ends. @returns where the new timeline left the old one (its history file) */
  promote(timeline: number, known: readonly Timeline[], rule: CommitRule, withinMs: number): Promise<Lsn>;
  /** @returns end of the log at a moment when every backend and walsender follows the new names */
  setRule(rule: CommitRule): Promise<Lsn>;
  endStream(name: string): Promise<void>;
  /** A commit that waits for the voters. @returns its LSN */
  barrier(signal: AbortSignal): Promise<Lsn>;
  checkpoint(): Promise<void>;
  /**
   * Physical slots for exactly these members; slots that others made are left alone.
   * @param anew those that let go of the log that they have kept
   */
  setSlots(members: readonly MemberId[], anew?: readonly MemberId[]): Promise<void>;
  /** pg_rewind of the stopped directory. @throws OpError when the engine has none or it fails; the directory may then only be cloned */
  rewind(source: Upstream): Promise<void>;
  /**
   * A new directory from `source` (reflink, else copy, else the replication protocol's base backup) put in the place
   * of the old one, which is kept beside it. Interrupted, it leaves the old one in place.
   */
  clone(source: Upstream, progress: (progress: CloneProgress) => void, signal: AbortSignal): Promise<void>;
  /** Removes what `clone` kept aside. Called once the new directory streams (I9). */
  removeKept(): Promise<void>;
  /** The next start is with these binaries; a server that runs goes on with those that it was started from. */
  useEngine(engine: Engine): void;
  /** What the server is to have from now on: with its next start, or by `configure`. */
  want(settings: WantedSettings): void;
  /** Writes the wanted settings and reloads if they differ; those that need a restart show as `pendingRestart`. */
  configure(): Promise<void>;
  /** Removes the directory, its socket and its logs. The server must be stopped. */
  destroy(): Promise<void>;
  /** Closes connections and watchers; the server keeps running. */
  close(): Promise<void>;
}
