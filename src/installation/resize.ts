/**
 * Another amount of memory or of processors for each member: what is computed from them changes on every member, the
 * user's own settings stay, and servers are kept to them. Called by `scale`; the change of settings is settings/apply.ts.
 */
import type { Asked } from "../contract/installation.ts";
import type { ScalePlan, ScaleRequest } from "../contract/scale.ts";
import { formatSize } from "../contract/units.ts";
import { inPrimaryRegion } from "../core/regions.ts";
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { ClusterSpec, Tuning } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { begin, follow, refuseUnfit } from "./changes.ts";
import { loadsOf, overcommitted, refuseSize } from "./capacity.ts";
import { dropTo, growTo, scaleCluster } from "./members.ts";
import { awaitCluster, clusterOf, type Parts } from "./parts.ts";
import { awaitRestartEnd, bringInForce, refuseRestart, writeChange } from "./settings/apply.ts";
import { planSettings, type Planned, type SettingsWish } from "./settings/plan.ts";

/** Of operations: what follows says what the next agent has to go on with. */
export const resizeKind = "resize";
const withRestart = " with restart";
const toMembers = / to (\d+) members/;

/** Memory is taken away a moment after a server has the settings for less. */
const limitsMs = 6000;
/** What a session holds that has done some work, beside the shared buffers. */
const sessionBytes = 2 * 1024 * 1024;

/** @throws OpError with everything that is wrong; nothing is changed */
export async function planScale(parts: Parts, name: string, request: ScaleRequest): Promise<ScalePlan> {
  const { planned, plan } = await judge(parts, name, request);
  return { ...planned.plan, ...plan };
}

export async function scale(parts: Parts, name: string, request: ScaleRequest, asked: Asked): Promise<OperationRecord> {
  const { members, restart = false } = request;
  if (members !== undefined && isCountAlone(request)) return scaleCluster(parts, name, members, asked);
  const { planned } = await judge(parts, name, request);
  parts.operations.refuseBusy(name);
  if (restart) refuseRestart(parts, name, planned.plan);
  const count = members === undefined ? "" : ` to ${members} members`;
  const kind = `${resizeKind}${count}${restart && planned.plan.restart.length > 0 ? withRestart : ""}`;
  const operation = begin(parts, kind, name, asked, "writing what each member gets");
  return follow(parts, operation, () => carryOut(parts, operation, planned));
}

function isCountAlone({ memory_bytes: memory, cpus, limit }: ScaleRequest): boolean {
  return memory === undefined && cpus === undefined && limit === undefined;
}

/** Also the way on after an agent that ended in the middle. */
export function resumeResize(parts: Parts, operation: OperationRecord): OperationRecord {
  const { cluster: name } = operation;
  return follow(parts, operation, async () => {
    await awaitRestartEnd(parts, name);
    if (clusterOf(parts, name).record.spec.value.change?.operation === operation.id)
      return carryOut(parts, operation, undefined);
    throw new OpError("interrupted", {
      message: "the agent ended before what each member gets was changed",
      hint: `See what there is with: matriarch status ${name}, and give the command again.`,
    });
  });
}

/** Members go first, and come last: so that there is room for the others, and those that come are made as they should be. */
async function carryOut(parts: Parts, operation: OperationRecord, planned: Planned | undefined) {
  const { cluster: name, kind } = operation;
  const count = Number(toMembers.exec(kind)?.[1] ?? 0);
  if (count > 0) await dropTo(parts, name, count);
  if (planned?.plan.changed === true) {
    await writeChange(parts, name, planned, operation);
    tellSize(parts, operation, planned.after);
  }
  const result = await bringInForce(parts, operation, kind.endsWith(withRestart));
  const warning = count > 0 ? await growTo(parts, name, count) : undefined;
  const limits = await limitsInForce(parts, name, "waits_for_a_restart" in result ? 0 : limitsMs);
  return { ...result, ...(limits && { limits }), ...(warning && { warning }) };
}

function tellSize(parts: Parts, { cluster, by }: OperationRecord, { memoryBytes, cpus, limited }: Tuning): void {
  const limits = [...(limited?.memory ? ["memory"] : []), ...(limited?.cpus ? ["cpus"] : [])];
  const size = { memory_bytes: memoryBytes, cpus, limited: limits };
  parts.events.emit("cluster.resized", { cluster, actor: by }, size);
}

/** @returns what a person should know of them; undefined: all are in force, or none was asked for */
async function limitsInForce(parts: Parts, name: string, withinMs: number): Promise<string | undefined> {
  const open = (cluster: ClusterRuntime): readonly { readonly id: string; readonly why: string }[] => {
    const { limited, memoryBytes, cpus } = cluster.record.spec.value;
    return [...cluster.members.values()].flatMap(({ id, limits, server }) => {
      if (server.kind !== "running" || !limits) return [];
      const isInForce =
        limits.memoryBytes === (limited?.memory === true ? memoryBytes : null) &&
        limits.cpus === (limited?.cpus === true ? cpus : null);
      return isInForce
        ? []
        : [{ id, why: limits.problem ? `${limits.problem.why}. ${limits.problem.how}` : "not yet." }];
    });
  };
  const wait = { withinMs, describe: () => "" };
  await awaitCluster(parts, name, (cluster) => open(cluster).length === 0, wait).catch(() => undefined);
  const left = open(clusterOf(parts, name));
  if (left.length === 0) return undefined;
  const each = [...new Set(left.map(({ why }) => why))].map((why) => {
    const members = left.filter((one) => one.why === why).map(({ id }) => id);
    return `${members.join(", ")}: ${why}`;
  });
  return `not as asked yet on ${each.join(" ")}`;
}

interface Judged {
  readonly planned: Planned;
  readonly plan: Pick<ScalePlan, "members" | "memory_bytes" | "cpus" | "limited" | "kept" | "warnings">;
}

async function judge(parts: Parts, name: string, request: ScaleRequest): Promise<Judged> {
  const cluster = clusterOf(parts, name);
  const spec = cluster.record.spec.value;
  if (request.members !== undefined) refuseUnfit(parts, cluster);
  const before = spec.members.filter((member) => inPrimaryRegion(cluster.record, member)).length;
  const count = request.members ?? before;
  const wish = wishOf(spec, request);
  const memoryBytes = wish.memoryBytes ?? spec.memoryBytes;
  const loads = loadsOf(parts, cluster.record, spec.members.length - before + count);
  refuseSize(loads, { memoryBytes, cpus: request.cpus });
  const planned = await planSettings(parts, name, wish);
  const { after } = planned;
  const unlimited = { memory: false, cpus: false };
  return {
    planned,
    plan: {
      members: { before, after: count },
      memory_bytes: { before: spec.memoryBytes, after: after.memoryBytes },
      cpus: { before: spec.cpus, after: after.cpus },
      limited: { before: spec.limited ?? unlimited, after: after.limited ?? unlimited },
      kept: keptSettings(parts, spec, { ...spec, ...after }),
      warnings: [
        ...planned.plan.warnings,
        ...tightFor(parts, { ...spec, ...after }),
        ...(request.memory_bytes === undefined ? [] : overcommitted(parts, loads, { name, memoryBytes })),
      ],
    },
  };
}

function wishOf({ limited }: ClusterSpec, { memory_bytes: memoryBytes, cpus, limit }: ScaleRequest): SettingsWish {
  return {
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(cpus !== undefined && { cpus }),
    limited: {
      memory: limit ?? (memoryBytes !== undefined || limited?.memory === true),
      cpus: limit ?? (cpus !== undefined || limited?.cpus === true),
    },
  };
}

/** Set by the user, where something else would be computed now than before. */
function keptSettings({ servers }: Parts, before: ClusterSpec, after: ClusterSpec): ScalePlan["kept"] {
  const [was, is] = [servers.computed(before), servers.computed(after)];
  return Object.entries(is).flatMap(([name, computed]) => {
    const value = after.settings[name.toLowerCase()];
    return value === undefined || was[name] === computed ? [] : [{ name, value, computed }];
  });
}

/** A limit counts what sessions hold as well, and there may be many. */
function tightFor({ servers }: Parts, spec: ClusterSpec): readonly string[] {
  const connections = Number(servers.wanted(spec).settings["max_connections"] ?? 0);
  const held = connections * sessionBytes;
  if (spec.limited?.memory !== true || held < spec.memoryBytes / 2) return [];
  return [
    `${connections} sessions (max_connections) would hold about ${formatSize(held)} of the ${formatSize(spec.memoryBytes)}; fewer can be set with: matriarch config set ${spec.name} max_connections=50`,
  ];
}
