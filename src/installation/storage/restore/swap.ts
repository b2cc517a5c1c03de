/**
 * The one transaction by which a cluster becomes its restored self: members with new ids, an epoch later than any, no
 * votes and no voters but those that will copy the first. Whoever was a member before is none any more, whatever it
 * still runs or has (I2, I3): nobody elects it, and no promise to it counts.
 */
import { dirname, join } from "node:path";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import type { ClusterRecord, MemberRecord, RecordKey } from "../../../domain/cluster.ts";
import { noVoters } from "../../../domain/rule.ts";
import { OpError } from "../../../errors/op-error.ts";
import { amend, isHere, type Parts, type Writes } from "../../parts.ts";
import type { SownCopy } from "../sow.ts";
import type { InPlaceJournal } from "./journal.ts";

/** An old primary that nobody sees might go on acknowledging. @throws OpError host-unreachable */
export function refuseAway({ hosts }: Parts, { record }: ClusterRuntime): void {
  const away = Object.values(record.members)
    .map(({ value: { host } }) => host)
    .filter((host) => hosts.self !== undefined && !hosts.isHeard(host));
  if (away.length === 0) return;
  throw new OpError("host-unreachable", {
    message: `host "${away[0]}" is not heard, and has a member of "${record.spec.value.name}"`,
    detail: "A cluster is put back only when all of its servers are known to be down.",
    hint: "Wait for the host, or remove its member; or restore into a new cluster.",
  });
}

type Places = Pick<InPlaceJournal, "first" | "others" | "replaced" | "holder" | "version">;

/** A successor for every member, at its place and with its port. The first is of this host; undefined: none is here. */
export function successorsOf(record: ClusterRecord, isOfHere: (member: MemberRecord) => boolean): Places | undefined {
  const { spec, reign, members } = record;
  const wanted = spec.value.members.flatMap((id) => members[id]?.value ?? []);
  const holder = wanted.find(({ id }) => id === reign.value.holder);
  const first = holder && isOfHere(holder) ? holder : wanted.find(isOfHere);
  if (!first) return undefined;
  const order = [first, ...wanted.filter((member) => member !== first)];
  const successors = order.map((member, index) =>
    successorOf(member, `${spec.value.name}-${spec.value.lastMember + index + 1}`),
  );
  const [head, ...others] = successors;
  if (!head) return undefined;
  return {
    first: head,
    others,
    replaced: Object.values(members).map(({ value }) => value),
    holder: reign.value.holder,
    version: first.version,
  };
}

function successorOf(member: MemberRecord, id: string): MemberRecord {
  const { host, region, zone, port, dataDirectory, version, createdAt } = member;
  const directory = join(dirname(dirname(dataDirectory)), id, "data");
  const own = version === undefined ? {} : { version };
  return { id, host, region, zone, port, dataDirectory: directory, incarnation: 1, wish: "none", ...own, createdAt };
}

/** @throws OpError busy when the cluster is not as it was when it was stopped */
export async function swap(parts: Parts, name: string, journal: InPlaceJournal, sown: SownCopy): Promise<void> {
  await amend(parts, name, (record) => {
    refuseChanged(record, journal);
    return { require: keysOf(record), write: writesOf(parts, record, journal, sown) };
  });
}

function refuseChanged({ spec, intent, members }: ClusterRecord, { before, replaced }: InPlaceJournal): void {
  const isAsBefore =
    spec.value.systemIdentifier === before.systemIdentifier &&
    spec.value.wish === "stopped" &&
    intent === undefined &&
    Object.keys(members).toSorted().join() ===
      replaced
        .map(({ id }) => id)
        .toSorted()
        .join();
  if (isAsBefore) return;
  throw new OpError("busy", {
    message: `"${before.name}" was changed while it was restored`,
    hint: "It is as it was. Try again when nothing else is under way.",
  });
}

function keysOf(record: ClusterRecord): readonly RecordKey[] {
  const members = Object.keys(record.members).map((id): RecordKey => `member/${id}`);
  const votes = Object.keys(record.votes).map((id): RecordKey => `vote/${id}`);
  return ["spec", "reign", "rule", "timelines", "intent", "sleep", ...members, ...votes];
}

function writesOf(
  { clock }: Parts,
  { spec, reign, sleep, members, votes }: ClusterRecord,
  { first, others }: InPlaceJournal,
  { systemIdentifier, timelines }: SownCopy,
): Writes {
  const epoch = reign.value.epoch + 1;
  const all = [first, ...others];
  const timeline = timelines.at(-1)?.id ?? 1;
  const { change: _, ...kept } = spec.value;
  return [
    {
      key: "spec",
      value: {
        ...kept,
        wish: "running",
        generation: kept.generation + 1,
        members: all.map(({ id }) => id),
        lastMember: kept.lastMember + all.length,
        systemIdentifier: String(systemIdentifier),
      },
    },
    {
      key: "reign",
      value: {
        epoch,
        holder: first.id,
        incarnation: 1,
        timeline,
        phase: "taken",
        how: "bootstrap",
        since: clock.wallNow(),
      },
    },
    { key: "rule", value: { epoch, rule: noVoters, previous: [] } },
    { key: "timelines", value: timelines.map((one) => (one.id === timeline ? { ...one, epoch } : one)) },
    ...(sleep ? [{ key: "sleep" as const, value: null }] : []),
    ...Object.keys(votes).map((id) => ({ key: `vote/${id}` as const, value: null })),
    ...Object.keys(members).map((id) => ({ key: `member/${id}` as const, value: null })),
    ...all.map((member) => ({ key: `member/${member.id}` as const, value: member })),
  ];
}

/** Volumes of this host whose members are none any more. */
export function replacedHere(parts: Parts, { replaced }: InPlaceJournal): readonly MemberRecord[] {
  return replaced.filter((member) => isHere(parts, member));
}
