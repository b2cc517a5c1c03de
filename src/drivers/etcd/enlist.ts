/**
 * How a member comes among the others: added as a learner, given a vote when it has caught up; whatever was begun before
 * and cut short is gone on with. Used by server.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import { type EtcdFiles, hasData, putAside } from "./files.ts";
import type { EtcdMembers } from "./membership.ts";
import type { EtcdMember, EtcdSelf } from "./port.ts";
import { peerUrl } from "./settings.ts";

const answerPauseMs = 100;

/** @returns `name=peer URL` of all members, this one among them and free to be started with what is on this host's disk */
export async function enlist(
  self: EtcdSelf,
  files: EtcdFiles,
  members: EtcdMembers,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    try {
      const all = await members.list(signal);
      const own = all.find((member) => isOwn(self, member));
      const data = await hasData(files);
      if (own && (own.name === "" || data)) return all.map((member) => entryOf(self, member)).join(",");
      if (own) await members.remove(own.id, signal);
      else if (data) await putAside(files);
      else await members.addLearner(peerUrl(self), signal);
    } catch (error) {
      // etcd takes no new member before all have seen each other for five seconds; what is unknown is looked at again.
      if (signal.aborted || !mayPass(error)) throw error;
      await pause(signal);
    }
  }
}

/** @returns false when it has not caught up in time */
export async function promote(self: EtcdSelf, members: EtcdMembers, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    try {
      const own = (await members.list(signal)).find((member) => isOwn(self, member));
      if (own?.isLearner === false) return true;
      if (own) await members.promote(own.id, signal);
    } catch (error) {
      // It may not have caught up yet: asked again until the caller has waited long enough.
      if (!mayPass(error)) throw error;
    }
    if (signal.aborted) return false;
    await pause(signal);
  }
}

export function isOwn(self: EtcdSelf, member: EtcdMember): boolean {
  return member.peerUrls.includes(peerUrl(self));
}

/** What may be otherwise at the next try. */
export function mayPass(error: unknown): boolean {
  return error instanceof OpError && (error.code === "store-unavailable" || error.code === "store-outcome-unknown");
}

export async function pause(signal: AbortSignal, ms = answerPauseMs): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** etcd wants a name for each; one that was not started yet has none. */
function entryOf(self: EtcdSelf, member: EtcdMember): string {
  const name = isOwn(self, member) ? self.name : member.name || `not-started-${member.id}`;
  return `${name}=${member.peerUrls[0]}`;
}
