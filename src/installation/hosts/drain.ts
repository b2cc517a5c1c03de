/**
 * Draining: a host gets no new members, the roles of its primaries go elsewhere by switchover, then its members one
 * after the other where another host has room. Marked in the host's record first, so that it goes on after the agent's
 * restart (`resumeDrains`). A member is never removed before its new copy streams: that is the business of `moves`.
 */
import type { Operation } from "../../contract/cluster.ts";
import type { Asked } from "../../contract/installation.ts";
import type { HostRecord } from "../../domain/host.ts";
import { commitHost } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { hostOf, type HostParts } from "./parts.ts";

const kindPrefix = "host drain ";

export async function drainHost(parts: HostParts, name: string, asked: Asked): Promise<Operation> {
  await hostOf(parts.store, name);
  const kind = kindPrefix + name;
  if (parts.operations.list({ state: "running" }).some((running) => running.kind === kind))
    throw new OpError("busy", { message: `host "${name}" is being drained already` });
  await changeHost(parts, name, (host) => ({ ...host, state: "draining" }));
  parts.events.emit("host.draining", { actor: asked.by }, { host: name });
  const operation = parts.operations.begin({ kind, cluster: "", by: asked.by, step: "looking for its members" });
  void drain(parts, operation.id, name, asked);
  return operation;
}

export async function undrainHost(parts: HostParts, name: string, asked: Asked): Promise<HostRecord> {
  const { value } = await hostOf(parts.store, name);
  if (value.state === "active") return value;
  const changed = await changeHost(parts, name, (host) => ({ ...host, state: "active" }));
  parts.events.emit("host.undrained", { actor: asked.by }, { host: name });
  return changed;
}

/** At the agent's start: drains that its predecessor had begun. Those of other hosts are theirs to go on with. */
export function resumeDrains(parts: HostParts): void {
  const { operations } = parts;
  for (const { id, kind, by } of operations.list({ state: "running", host: operations.host }))
    if (kind.startsWith(kindPrefix)) void drain(parts, id, kind.slice(kindPrefix.length), { by });
}

async function drain(parts: HostParts, operation: string, name: string, asked: Asked): Promise<void> {
  try {
    const result = await moveEverything(parts, operation, name, asked);
    parts.events.emit("host.drained", { actor: asked.by }, { host: name, ...result });
    parts.operations.finish(operation, { state: "done", result });
  } catch (error) {
    // The next agent goes on with it.
    if (!parts.signal.aborted) parts.operations.finish(operation, { state: "failed", error });
  }
}

async function moveEverything(
  parts: HostParts,
  operation: string,
  name: string,
  asked: Asked,
): Promise<{ moved: string[]; stayed: string[] }> {
  const [moved, stayed]: [string[], string[]] = [[], []];
  for (const member of parts.moves.membersOn(name).filter(({ isPrimary }) => isPrimary)) {
    await refuseUndrained(parts, name);
    parts.operations.step(operation, `moving the primary's role away from ${member.member}`);
    await parts.moves.switchAway(member, asked);
  }
  for (const member of parts.moves.membersOn(name)) {
    await refuseUndrained(parts, name);
    parts.operations.step(operation, `moving ${member.member} to another host`);
    const to = await parts.moves.moveAway(member, asked);
    if (to === undefined) stayed.push(member.member);
    else moved.push(`${member.member} to ${to}`);
  }
  return { moved, stayed };
}

/** `host undrain` ends it between two steps. */
async function refuseUndrained(parts: HostParts, name: string): Promise<void> {
  parts.signal.throwIfAborted();
  const { value } = await hostOf(parts.store, name);
  if (value.state === "draining") return;
  throw new OpError("operation-failed", { message: `host "${name}" was undrained meanwhile` });
}

/** @throws OpError host-not-found, busy when the record keeps changing */
export async function changeHost(
  parts: HostParts,
  name: string,
  change: (host: HostRecord) => HostRecord,
): Promise<HostRecord> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { value, revision } = await hostOf(parts.store, name);
    const changed = change(value);
    if ((await commitHost(parts.store, changed, revision)).committed) return changed;
  }
  throw new OpError("busy", { message: `the record of host "${name}" keeps changing`, hint: "Try again." });
}
