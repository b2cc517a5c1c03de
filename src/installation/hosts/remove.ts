/**
 * A host leaves the installation: its etcd member first, because a host without a record cannot be asked for again, then
 * its record, and with it its certificate is refused. Never while members are on it, unless it is lost for good.
 */
import type { HostRemoved } from "../../contract/host.ts";
import type { Asked } from "../../contract/installation.ts";
import type { HostRecord } from "../../domain/host.ts";
import { listHosts, readHost, removeHost } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { runningVersion } from "./list.ts";
import { hostOf, type HostParts, type PlacedMember } from "./parts.ts";

export async function removeHostFrom(
  parts: HostParts,
  name: string,
  { lost }: { readonly lost: boolean },
  asked: Asked,
): Promise<HostRemoved> {
  const { value: host, revision } = await hostOf(parts.store, name);
  refuseSelf(parts, name);
  const others = (await listHosts(parts.store)).map(({ value }) => value).filter((other) => other.name !== name);
  refuseLastSigner(host, others);
  if (lost) await refuseLiving(parts, host);
  else refuseMembers(parts, name);
  refusePrimary(parts, name);
  const members: HostRemoved["members"] = [];
  for (const member of parts.moves.membersOn(name)) members.push(await given(parts, member));
  // Both look first, so that either can be done again.
  if (host.runsStore) await untilKnown(() => parts.removeStoreMember(host));
  if (!(await untilKnown(() => isRemoved(parts, name, revision))))
    throw new OpError("busy", { message: `the record of host "${name}" has changed meanwhile`, hint: "Try again." });
  // Nobody goes on with what it had begun.
  parts.operations.interrupt(name);
  parts.events.emit("host.removed", { actor: asked.by }, { host: name, lost });
  return { removed: name, members };
}

/** Once more when etcd did not say whether it was done: nobody at the terminal can find out more easily. */
async function untilKnown<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof OpError) || error.code !== "store-outcome-unknown") throw error;
    return step();
  }
}

async function isRemoved({ store }: HostParts, name: string, revision: number): Promise<boolean> {
  if (!(await readHost(store, name))) return true;
  return (await removeHost(store, name, revision)).committed;
}

async function given({ moves }: HostParts, lost: PlacedMember): Promise<HostRemoved["members"][number]> {
  const { cluster, member, successor } = await moves.giveUp(lost);
  return { cluster, member, successor: successor ?? null };
}

/** Nobody has taken over from it, so nobody else has what was acknowledged: a person has to say what becomes of that. */
function refusePrimary(parts: HostParts, name: string): void {
  const [primary] = parts.moves.membersOn(name).filter(({ isPrimary }) => isPrimary);
  if (!primary) return;
  const { cluster, member } = primary;
  throw new OpError("host-in-use", {
    message: `"${member}" on host "${name}" is still the primary of "${cluster}"`,
    detail: "No other member of it has taken over, so what was acknowledged may be on that host alone.",
    hint: `See: matriarch explain ${cluster}. Then matriarch failover ${cluster} --force --accept-data-loss, or matriarch destroy ${cluster}.`,
  });
}

function refuseSelf(parts: HostParts, name: string): void {
  if (name !== parts.config.name) return;
  throw new OpError("host-in-use", {
    message: `host "${name}" cannot remove itself`,
    hint: `Run this on another host: matriarch host remove ${name}`,
  });
}

function refuseLastSigner(host: HostRecord, others: readonly HostRecord[]): void {
  if (!host.signs || others.some(({ signs }) => signs)) return;
  throw new OpError("host-in-use", {
    message: `host "${host.name}" is the only one that holds the CA's key`,
    detail: "Without it no host could join any more, and no certificate be renewed.",
    hint: "Let another host join first: matriarch host token",
  });
}

async function refuseLiving(parts: HostParts, host: HostRecord): Promise<void> {
  if ((await runningVersion(parts, host)) === undefined) return;
  throw new OpError("host-in-use", {
    message: `host "${host.name}" is not lost: its agent answers`,
    hint: `Move its members away first: matriarch host drain ${host.name}`,
  });
}

function refuseMembers(parts: HostParts, name: string): void {
  const members = parts.moves.membersOn(name).map(({ member }) => member);
  if (members.length === 0) return;
  throw new OpError("host-in-use", {
    message: `host "${name}" has ${members.length === 1 ? "a member" : `${members.length} members`}`,
    detail: `On it: ${members.join(", ")}.`,
    hint: `Move them away first: matriarch host drain ${name}. If the host is lost for good: matriarch host remove ${name} --lost`,
  });
}
