/**
 * What a cluster's loop knows of other hosts: which members are here, what is said of the others, how near they are.
 * `alone` is a host that has no others.
 */
import type { ClusterRecord, MemberId, MemberRecord } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import type { Target } from "../router/wire.ts";
import type { MemberLook } from "./peers/look.ts";

export interface RemoteMember {
  readonly host: string;
  /** as its agent said last; undefined before the first word */
  readonly look: MemberLook | undefined;
  /** monotonic; when its host was heard last, -Infinity for never */
  readonly heardAt: number;
  /** what its host said last counts no more */
  readonly isSilent: boolean;
  /** what it said last, or `unresponsive` when its host has fallen silent */
  readonly server: Server;
}

export interface Neighbourhood {
  readonly hasOthers: boolean;
  readonly storeReachable: boolean;
  /** wall clock; undefined while the store answers */
  readonly storeAwaySince: number | undefined;
  isLocal(member: MemberRecord): boolean;
  membersOf(cluster: ClusterRecord): ReadonlyMap<MemberId, RemoteMember>;
  /** where the router of this host reaches a member */
  targetOf(member: MemberRecord): Target;
  /** @param urgent it is waited for, though only positions of the log may have changed */
  note(cluster: string, member: MemberId, look: MemberLook, urgent: boolean): void;
  forget(cluster: string, member: MemberId): void;
  poke(cluster: string): void;
  /** Says to the others that this host's endpoints hold new clients for this doze, and have none. */
  hush(cluster: string, revision: number): void;
  /** Every other host has said so, and has been heard a moment ago. */
  isHushed(cluster: string, revision: number): boolean;
  flush(withinMs: number): Promise<void>;
  /** `isNews`: more has changed than positions of the log */
  onLook(cluster: string, listener: (isNews: boolean) => Promise<void>, signal: AbortSignal): void;
}

export const alone: Neighbourhood = {
  hasOthers: false,
  storeReachable: true,
  storeAwaySince: undefined,
  isLocal: () => true,
  membersOf: () => new Map(),
  targetOf: (member) => ({ member: member.id, host: "127.0.0.1", port: member.port }),
  note: () => undefined,
  forget: () => undefined,
  poke: () => undefined,
  hush: () => undefined,
  isHushed: () => true,
  flush: async () => undefined,
  onLook: () => undefined,
};
