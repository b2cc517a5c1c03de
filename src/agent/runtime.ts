/**
 * What runs in the agent, as seen by the part that answers requests (src/installation/): the picture of each cluster and
 * what every member decided last. The loop (loop.ts) writes it; requests only read it and write wishes to the store.
 */
import type { Decision } from "../core/decision.ts";
import type { View } from "../core/view.ts";
import type { ArchiveLook } from "../domain/archive.ts";
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import type { ReadLag } from "./freshness.ts";
import type { LimitLook } from "./member-limits.ts";
import type { CopyProgress } from "./peers/look.ts";

export interface MemberRuntime {
  readonly id: MemberId;
  /** the last view that was decided on; undefined before the first look, and of members of other hosts */
  readonly view: View | undefined;
  readonly decision: Decision | undefined;
  /** as observed last */
  readonly server: Server;
  /** monotonic; when it was looked at last. Undefined before, and of members of other hosts */
  readonly observedAt?: number | undefined;
  /** long actions under way: clone, rewind, start, stop */
  readonly busy: readonly string[];
  readonly pid: number | undefined;
  readonly socketDirectory: string;
  /** version of Postgres that its next start is with */
  readonly installed: string | undefined;
  /** of a running clone or rewind */
  readonly progress: CopyProgress | undefined;
  /** what its server is kept to and uses; undefined when its host says nothing of it */
  readonly limits: LimitLook | undefined;
  /** of a standby, as a server to read from */
  readonly reads?: ReadLag | undefined;
}

export interface ClusterRuntime {
  readonly name: string;
  readonly record: ClusterRecord;
  /** otherwise the record may be old, and nothing can be changed */
  readonly storeReachable: boolean;
  /** wall clock; undefined while it is reachable, or when it is not known */
  readonly storeAwaySince?: number | undefined;
  readonly members: ReadonlyMap<MemberId, MemberRuntime>;
  /** as the primary's host says; undefined when it has not looked yet */
  readonly archive?: ArchiveLook;
}

export interface Runtime {
  readonly clusters: ReadonlyMap<string, ClusterRuntime>;
  readonly routerPid: number | undefined;
  /** Called after every decision that changed something, and after every change of the store. */
  onChange(listener: (cluster: string) => void, signal: AbortSignal): void;
  /** Takes up a cluster whose records are in the store: builds its members' loops. Idempotent. */
  adopt(cluster: string): Promise<void>;
  /** Ends the loops of a cluster and its endpoints; its servers must be stopped and removed by the caller. */
  abandon(cluster: string): Promise<void>;
  /** Takes back the sleep of a cluster that is asleep, or about to be; it serves some moments later. */
  wake(cluster: string, by: string): void;
  /** Looks at everything of a cluster now. */
  nudge(cluster: string): void;
}
