/**
 * When a member is replaced by one on another host, and when the old one goes: on hosts that have been silent for long,
 * and where somebody asked for it (drain). One step at a time, written as a wish by the holder's agent alone, and only
 * while nothing is in doubt. Pure; asked every minute or so (installation/placement/replace.ts).
 */
import { isToRest, type ClusterRecord, type MemberId, type MemberRecord } from "../domain/cluster.ts";
import { inPrimaryRegion } from "./regions.ts";

export type ReplacementStep =
  /** a new member, elsewhere, with `replaces` set to this one */
  | { readonly kind: "add"; readonly lost: MemberRecord; readonly silentMs: number }
  /** `by` does what this one did: it leaves the spec */
  | { readonly kind: "drop"; readonly lost: MemberRecord; readonly by: MemberId }
  /** it is in no rule and in no spec, and its host is not there to remove it: its record goes */
  | { readonly kind: "forget"; readonly member: MemberRecord };

export interface ReplacementView {
  readonly cluster: ClusterRecord;
  readonly storeReachable: boolean;
  /** name of this host */
  readonly self: string;
  readonly hosts: readonly { readonly name: string; readonly silentMs: number }[];
  /** standbys that stream from the holder now, as the holder's server says */
  readonly streaming: ReadonlySet<MemberId>;
  readonly replaceAfterMs: number;
}

/** A host that is away for a moment removes its members itself. */
const forgetAfterMs = 30_000;

export function replacementDue(view: ReplacementView): ReplacementStep | undefined {
  if (isInDoubt(view)) return undefined;
  return dropDue(view) ?? forgetDue(view) ?? addDue(view);
}

/** Only the holder's agent acts, with the store and most hosts in sight, and with nothing else under way. */
function isInDoubt({ cluster, storeReachable, self, hosts }: ReplacementView): boolean {
  const { reign, intent, pause, members } = cluster;
  const heard = hosts.filter(({ silentMs }) => silentMs === 0).length;
  return (
    !storeReachable ||
    2 * heard <= hosts.length ||
    reign.value.phase !== "open" ||
    members[reign.value.holder]?.value.host !== self ||
    intent !== undefined ||
    pause !== undefined ||
    isToRest(cluster)
  );
}

/** Also when the lost one is back by then: what was begun is finished. The holder itself has to be moved away first. */
function dropDue({ cluster, streaming }: ReplacementView): ReplacementStep | undefined {
  const { spec, reign, rule, members } = cluster;
  for (const { value: by } of Object.values(members)) {
    const lost = by.replaces === undefined ? undefined : members[by.replaces]?.value;
    if (!lost || !spec.value.members.includes(lost.id) || !spec.value.members.includes(by.id)) continue;
    if (lost.id === reign.value.holder) continue;
    const named = rule.value.rule.voters.some(
      (voter) => voter.member === by.id && voter.incarnation === by.incarnation,
    );
    const serves =
      by.id === reign.value.holder || (streaming.has(by.id) && (named || !inPrimaryRegion(cluster, by.id)));
    if (serves) return { kind: "drop", lost, by: by.id };
  }
  return undefined;
}

function forgetDue({ cluster, hosts }: ReplacementView): ReplacementStep | undefined {
  const { spec, reign, rule, members } = cluster;
  const named = [rule.value.rule, ...rule.value.previous].flatMap(({ voters }) => voters.map(({ member }) => member));
  const gone = Object.values(members)
    .map(({ value }) => value)
    .find(
      ({ id, host }) =>
        !spec.value.members.includes(id) &&
        id !== reign.value.holder &&
        !named.includes(id) &&
        silentFor(hosts, host) >= forgetAfterMs,
    );
  return gone && { kind: "forget", member: gone };
}

/** One replacement at a time: each is a whole copy of the data. */
function addDue({ cluster, hosts, replaceAfterMs }: ReplacementView): ReplacementStep | undefined {
  const { spec, members } = cluster;
  const wanted = spec.value.members.flatMap((id) => members[id]?.value ?? []);
  if (wanted.some(({ replaces }) => replaces !== undefined && spec.value.members.includes(replaces))) return undefined;
  const lost = wanted.find(({ host }) => silentFor(hosts, host) >= replaceAfterMs);
  return lost && { kind: "add", lost, silentMs: silentFor(hosts, lost.host) };
}

/** A host that is not in the installation any more never comes back. */
function silentFor(hosts: ReplacementView["hosts"], name: string): number {
  return hosts.find((host) => host.name === name)?.silentMs ?? Infinity;
}
