/** What a story is; the stories themselves are in ../stories/. Data beside a function: the table in docs comes from it. */
import type { Scene } from "./story.ts";

export interface Story {
  /** what is broken, for the table and as the test's title */
  readonly name: string;
  /** what it must come to, besides what every story must */
  readonly outcome: string;
  /** promised: writes pause no longer; not given: they may stop for as long as the fault lasts */
  readonly gapMsMax?: number;
  /** from the end of the fault until everything is healthy; 90 s when not given */
  readonly healsWithinMs?: number;
  /** reads through the endpoint of the host where something is frozen that would end them may be older than elsewhere */
  readonly mayReadOldThere?: boolean;
  /** part of what every run of CI tries */
  readonly ci?: boolean;
  /** what kind of laboratory it needs, besides three hosts and a cluster of three */
  readonly needs?:
    | "volumes"
    | "clocks"
    | "drifting"
    | "spare"
    | "short-slots"
    | "system-engine"
    | "older-version"
    | "given-etcd"
    | "regions";
  /** a person accepts that acknowledged writes are lost; everything else holds as always */
  readonly mayLose?: boolean;
  run(scene: Scene): Promise<void>;
}

/** Promises of design.md, section 1, in milliseconds. */
export const promised = {
  hostLost: 3000,
  processKilled: 1000,
  switchover: 500,
  /** nobody should notice: what a busy machine does by itself */
  nothing: 500,
} as const;

export const hostPort = { api: 7400, guard: 7401, relay: 7402, etcdClient: 7403, etcdPeer: 7404 } as const;
