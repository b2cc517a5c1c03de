/**
 * Carries out what core/replacement.ts decides: a lost host's member is copied anew on a spare host, the old one leaves.
 * `keepReplacing` is called by the agent for each cluster every minute or so; it does one step and never waits for a copy.
 */
import { replacementDue, type ReplacementStep } from "../../core/replacement.ts";
import type { ClusterRuntime } from "../../agent/runtime.ts";
import { voterName } from "../../domain/rule.ts";
import { usualSettings } from "../../domain/host.ts";
import { readSettings } from "../../drivers/store/host-records.ts";
import { voterOf, type ClusterRecord, type MemberId, type MemberRecord } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import { amend, type Parts } from "../parts.ts";
import { chooseFor, wishForMembers } from "./add.ts";
import { severalHosts, silentMs } from "./hosts.ts";

export async function keepReplacing(parts: Parts, cluster: ClusterRuntime): Promise<void> {
  const hosts = severalHosts(parts);
  if (!hosts || parts.operations.list({ cluster: cluster.name, state: "running" }).some(isPlacing)) return;
  const silent = hosts.all().map(({ name }) => ({ name, silentMs: silentMs(parts, name) }));
  // Asked of the store only when it may matter.
  const isSomeLost = Object.values(cluster.record.members).some(({ value }) => isSilent(silent, value.host));
  const { replaceAfterMs } = isSomeLost ? await readSettings(parts.store) : usualSettings;
  const step = replacementDue({
    cluster: cluster.record,
    storeReachable: cluster.storeReachable,
    self: hosts.self.name,
    hosts: silent,
    streaming: streamingFrom(cluster),
    replaceAfterMs: replaceAfterMs ?? Infinity,
  });
  if (step) await carryOut(parts, cluster, step);
}

/** Also of one that is no host any more. */
function isSilent(hosts: readonly { readonly name: string; readonly silentMs: number }[], name: string): boolean {
  return (hosts.find((host) => host.name === name)?.silentMs ?? Infinity) > 0;
}

/** Operations that add and remove members themselves. */
function isPlacing({ kind }: { readonly kind: string }): boolean {
  return ["create", "fork", "destroy", "scale", "member add", "member remove"].includes(kind);
}

async function carryOut(parts: Parts, { name, record }: ClusterRuntime, step: ReplacementStep): Promise<void> {
  switch (step.kind) {
    case "add":
      return addInstead(parts, record, step);
    case "drop":
      await dropFromSpec(parts, name, step.lost.id);
      parts.events.emit(
        "member.replaced",
        { cluster: name, member: step.by },
        { lost: step.lost.id, host: step.lost.host },
      );
      return;
    case "forget":
      await forgetMember(parts, name, step.member);
  }
}

async function addInstead(
  parts: Parts,
  record: ClusterRecord,
  { lost, silentMs: silent }: Extract<ReplacementStep, { kind: "add" }>,
): Promise<void> {
  const cluster = record.spec.value.name;
  const spare = spareHost(parts, record, lost);
  if (spare === undefined) return;
  const { ids } = await wishForMembers(parts, cluster, { count: 1, replaces: lost, host: spare });
  const told = { lost: lost.id, host: lost.host, to_host: spare, silent_ms: silent };
  parts.events.emit("member.replacing", { cluster, member: ids[0] ?? "" }, told);
}

/** One that has no member of the cluster yet: two on a host would be lost together. */
export function spareHost(parts: Parts, record: ClusterRecord, lost: MemberRecord): string | undefined {
  try {
    const host = chooseFor(parts, record, { count: 1, replaces: lost })?.hosts[0]?.name;
    const used = Object.values(record.members).map(({ value }) => value.host);
    return host === undefined || used.includes(host) ? undefined : host;
  } catch (error) {
    if (error instanceof OpError) return undefined;
    throw error;
  }
}

/** As the holder's server says, under the names of the directories that there are now. */
function streamingFrom({ record, members }: ClusterRuntime): ReadonlySet<MemberId> {
  const server = members.get(record.reign.value.holder)?.server;
  if (server?.kind !== "running" || server.role !== "primary") return new Set();
  const names = new Set(server.standbys.filter(({ state }) => state === "streaming").map(({ name }) => name));
  const streaming = Object.values(record.members).filter(({ value }) => names.has(voterName(voterOf(value))));
  return new Set(streaming.map(({ value }) => value.id));
}

export async function dropFromSpec(parts: Parts, name: string, leaving: MemberId): Promise<void> {
  await amend(parts, name, ({ spec, reign }) => {
    if (reign.value.holder === leaving) return { require: [], write: [] };
    const members = spec.value.members.filter((member) => member !== leaving);
    return {
      require: ["spec", "reign"],
      write: [{ key: "spec", value: { ...spec.value, members, generation: spec.value.generation + 1 } }],
    };
  });
}

/**
 * The record of a member whose host is not there to remove it; what it has is put aside when the host comes back
 * (orphans.ts). Only of one that is in no spec, in no rule, and not the holder.
 */
export async function forgetMember(parts: Parts, name: string, { id, host }: MemberRecord): Promise<void> {
  let isForgotten = false;
  await amend(parts, name, ({ spec, reign, rule, members, votes }) => {
    const named = [rule.value.rule, ...rule.value.previous].some(({ voters }) =>
      voters.some(({ member }) => member === id),
    );
    isForgotten = !named && reign.value.holder !== id && !spec.value.members.includes(id) && members[id] !== undefined;
    if (!isForgotten) return { require: [], write: [] };
    return {
      require: ["spec", "reign", "rule", `member/${id}`],
      write: [
        { key: `member/${id}`, value: null },
        ...(votes[id] ? [{ key: `vote/${id}` as const, value: null }] : []),
      ],
    };
  });
  if (isForgotten) parts.events.emit("member.forgotten", { cluster: name, member: id }, { host });
}
