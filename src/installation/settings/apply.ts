/**
 * A change of settings carried out: written to the spec, which every member follows and members that are not yet born
 * begin with; read back from each; restarts where they are needed and allowed; taken back when a server does not start
 * with it. Called by `config set|unset`, scale and extensions. An operation that the next agent goes on with.
 */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { Asked } from "../../contract/installation.ts";
import type { SettingsPlan } from "../../contract/settings.ts";
import type { MemberId } from "../../domain/cluster.ts";
import { readCluster } from "../../drivers/store/records.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { begin, follow, refuseUnfit } from "../changes.ts";
import { amend, awaitCluster, clusterOf, type Parts } from "../parts.ts";
import { restartProblems } from "../restart-problems.ts";
import { servingPrimary } from "../status.ts";
import { isSame, planSettings, tuningOf, type Planned, type SettingsWish } from "./plan.ts";
import { nextTurn, restartMembers, type Turn } from "./restart.ts";
import { askMembers, onceSeen, type AskedMember, type AskedMembers } from "./running.ts";

/** Of operations: the next agent must know what was allowed. */
export const configKind = "config";
export const restartingConfigKind = "config with restart";

const configuredMs = 30_000;
const backMs = 15_000;
const othersMs = 24 * 3_600_000;
/** One for each direction, and for failovers in between. */
const turnsMax = 5;

export interface ApplyOptions {
  /** where the change needs it, now; otherwise it stays pending and is told */
  readonly restart: boolean;
}

/** Checks, then begins. @throws OpError bad-value with everything that is wrong, and nothing is changed */
export async function changeSettings(
  parts: Parts,
  name: string,
  wish: SettingsWish,
  { restart }: ApplyOptions,
  asked: Asked,
): Promise<OperationRecord> {
  const planned = await planSettings(parts, name, wish);
  parts.operations.refuseBusy(name);
  if (restart) refuseRestart(parts, name, planned.plan);
  const kind = restart ? restartingConfigKind : configKind;
  const operation = begin(parts, kind, name, asked, "writing the settings");
  return follow(parts, operation, async () => {
    if (planned.plan.changed) await writeChange(parts, name, planned, operation);
    return bringInForce(parts, operation, restart);
  });
}

/** As part of an operation that has more to do; it is not gone on with by the next agent, and can be given again. */
export async function applyWithin(
  parts: Parts,
  operation: OperationRecord,
  wish: SettingsWish,
  { restart }: ApplyOptions,
): Promise<void> {
  const planned = await planSettings(parts, operation.cluster, wish);
  if (restart) refuseRestart(parts, operation.cluster, planned.plan);
  // Also when nothing is changed: what a host lacked may be there now, and is written with a new generation.
  await writeChange(parts, operation.cluster, planned, operation);
  await bringInForce(parts, operation, restart);
}

export function refuseRestart(parts: Parts, name: string, { restart }: SettingsPlan): void {
  const cluster = clusterOf(parts, name);
  if (restart.length === 0) return;
  refuseUnfit(parts, cluster);
  if (servingPrimary(cluster)) return refuseUnwell(cluster, restart);
  throw new OpError("no-primary", {
    message: `cluster "${name}" has no primary now`,
    detail: "The change needs a restart, which goes on from member to member while one serves. Nothing was changed.",
    hint: `See why there is none: matriarch explain ${name}`,
  });
}

/** Its turns would wait for members that are away, and hold everything else up meanwhile. */
function refuseUnwell(cluster: ClusterRuntime, restart: readonly MemberId[]): void {
  const problems = restartProblems(cluster, restart, false);
  if (problems.length === 0) return;
  const { name } = cluster;
  throw new OpError("not-healthy", {
    message: `cluster "${name}" is not well enough for the restart that the change needs`,
    detail: `${problems.join("; ")}. Nothing was changed.`,
    hint: `Allow no restart now, and finish once all is well: matriarch restart ${name} --pending`,
  });
}

export async function writeChange(
  parts: Parts,
  name: string,
  planned: Planned,
  operation: OperationRecord,
): Promise<void> {
  const { before, after, isSettled, plan } = planned;
  await amend(parts, name, ({ spec: { value: spec } }) => {
    if (!isSame(spec, before))
      throw new OpError("busy", {
        message: `the settings of cluster "${name}" were changed by somebody else meanwhile`,
        detail: "Nothing was changed by this command.",
        hint: "Give it again.",
      });
    const goBackTo = isSettled ? before : (spec.change?.before ?? before);
    const change = { operation: operation.id, before: goBackTo };
    return {
      require: ["spec"],
      write: [{ key: "spec", value: { ...spec, ...after, change, generation: spec.generation + 1 } }],
    };
  });
  const changes = plan.changes.map(
    ({ name: setting, before: was, after: is }) => `${setting} ${shown(was)} → ${shown(is)}`,
  );
  const about = { cluster: name, actor: operation.by };
  if (changes.length === 0) return;
  parts.events.emit("config.changed", about, { changes, restart: plan.restart.length > 0 });
}

/** The restart that an agent had begun when it ended goes on by itself; another one is refused until then. */
export async function awaitRestartEnd(parts: Parts, name: string): Promise<void> {
  const describe = (): string => "The cluster is as `matriarch explain` shows it.";
  await awaitCluster(parts, name, ({ record }) => !record.intent, { withinMs: othersMs, describe });
}

/** Also the way on after an agent that ended in the middle. */
export function resumeConfig(parts: Parts, operation: OperationRecord): OperationRecord {
  const { cluster: name } = operation;
  return follow(parts, operation, async () => {
    await awaitRestartEnd(parts, name);
    if (clusterOf(parts, name).record.spec.value.change?.operation === operation.id)
      return bringInForce(parts, operation, operation.kind === restartingConfigKind);
    throw new OpError("interrupted", {
      message: "the agent ended before anything was changed",
      hint: "Give the command again.",
    });
  });
}

/** Until every member that runs shows the settings, or waits for a restart that is not allowed. */
export async function bringInForce(
  parts: Parts,
  operation: OperationRecord,
  mayRestart: boolean,
): Promise<Readonly<Record<string, unknown>>> {
  const { cluster: name } = operation;
  parts.operations.step(operation.id, "reading the settings back from each member");
  await onceSeen(parts, name);
  await awaitConfigured(parts, name);
  // A restart that finishes a change is another operation than the one that wrote it.
  const changedBy = clusterOf(parts, name).record.spec.value.change?.operation;
  for (let turn = 0; turn < turnsMax; turn += 1) {
    const found = await askMembers(parts, clusterOf(parts, name));
    const waiting = found.asked.filter(({ settings }) => pendingIn(settings).length > 0);
    if (waiting.length === 0) return inForce(parts, operation, found, changedBy);
    if (!mayRestart) return leftPending(parts, operation, waiting, found);
    const next = nextTurn(clusterOf(parts, name), waiting, wantedOf(parts, name));
    await restartJudged(parts, operation, next);
  }
  throw new OpError("operation-failed", {
    message: "the settings are written, and not in force on every member yet",
    detail: "The primary changed again and again while members were restarted.",
    hint: `See what waits: matriarch config show ${name} --changed`,
  });
}

/** @throws OpError settings-refused when a member does not start with them, which are taken back then */
export async function restartJudged(parts: Parts, operation: OperationRecord, turn: Turn): Promise<void> {
  const { cluster: name, by } = operation;
  parts.operations.step(operation.id, `restarting ${turn.pending.join(", ")}`);
  try {
    await restartMembers(parts, name, turn, by);
  } catch (error) {
    await takeBackIfRefused(parts, operation);
    throw error;
  }
  await awaitBack(parts, name, turn.pending);
  await awaitConfigured(parts, name);
  await takeBackIfRefused(parts, operation);
}

export function wantedOf(parts: Parts, name: string): Readonly<Record<string, string>> {
  return parts.servers.wanted(clusterOf(parts, name).record.spec.value).settings;
}

async function awaitConfigured(parts: Parts, name: string): Promise<void> {
  // From the store: what the loops have seen may still be the spec from before.
  const generation = (await readCluster(parts.store, name))?.spec.value.generation ?? 0;
  await awaitCluster(parts, name, (cluster) => isConfigured(parts, cluster, generation), {
    withinMs: configuredMs,
    describe: () =>
      `They are written, and not yet on ${notConfigured(parts, clusterOf(parts, name), generation).join(", ")}.`,
  });
}

/** The former primary comes back a moment after the others; one that does not come back is told as away. */
async function awaitBack(parts: Parts, name: string, restarted: readonly MemberId[]): Promise<void> {
  const isBack = ({ members }: ClusterRuntime): boolean =>
    restarted.every((member) => members.get(member)?.server.kind === "running");
  await awaitCluster(parts, name, isBack, { withinMs: backMs, describe: () => "" }).catch((error: unknown) => {
    if (!(error instanceof OpError && error.code === "operation-failed")) throw error;
  });
}

function isConfigured(parts: Parts, cluster: ClusterRuntime, generation: number): boolean {
  // The loops must have the new spec first: what they say before that is of the old one.
  return cluster.record.spec.value.generation >= generation && notConfigured(parts, cluster, generation).length === 0;
}

/** Servers that run, on hosts that answer. */
function notConfigured(parts: Parts, { record, members }: ClusterRuntime, generation: number): readonly MemberId[] {
  return [...members.values()]
    .filter(({ id, server }) => {
      const host = record.members[id]?.value.host;
      const isHeard = parts.hosts.self === undefined || (host !== undefined && parts.hosts.isHeard(host));
      return isHeard && server.kind === "running" && server.configured < generation;
    })
    .map(({ id }) => id);
}

function pendingIn(settings: AskedMember["settings"]): readonly string[] {
  return [...settings.values()].filter((setting) => setting.pending_restart).map(({ name }) => name);
}

async function inForce(
  parts: Parts,
  operation: OperationRecord,
  { asked, away }: AskedMembers,
  changedBy: string | undefined,
) {
  const members = asked.map(({ member }) => member);
  if (away.length === 0) await forgetBefore(parts, operation.cluster, changedBy);
  const lacking = [...clusterOf(parts, operation.cluster).members.values()].flatMap(({ id, server }) =>
    server.kind === "running" && server.missingLibraries
      ? [[id, `runs without ${server.missingLibraries.join(", ")}, which its host lacks`] as const]
      : [],
  );
  const told = { members, away: away.map(({ member }) => member) };
  parts.events.emit("config.applied", { cluster: operation.cluster, actor: operation.by }, told);
  return {
    message: members.length === 0 ? "written" : `in force on ${members.join(", ")}`,
    ...Object.fromEntries(lacking),
    ...Object.fromEntries(away.map(({ member, reason }) => [member, `with its next start: ${reason} now`])),
  };
}

/** Nothing can be wrong with it any more: there is nothing to go back to. */
async function forgetBefore(parts: Parts, name: string, changedBy: string | undefined): Promise<void> {
  await amend(parts, name, ({ spec: { value: spec } }) => ({
    require: ["spec"],
    write:
      spec.change?.before && spec.change.operation === changedBy
        ? [{ key: "spec", value: { ...spec, change: { operation: changedBy } } }]
        : [],
  }));
}

function leftPending(
  parts: Parts,
  { cluster: name, by }: OperationRecord,
  waiting: readonly AskedMember[],
  { asked, away }: AskedMembers,
) {
  const settings = [...new Set(waiting.flatMap((member) => pendingIn(member.settings)))];
  const members = waiting.map(({ member }) => member);
  parts.events.emit("config.pending", { cluster: name, actor: by }, { settings, members });
  return {
    message: `written on ${asked.map(({ member }) => member).join(", ")}`,
    waits_for_a_restart: `${settings.join(", ")} on ${members.join(", ")}`,
    to_finish: `matriarch restart ${name} --pending`,
    ...Object.fromEntries(away.map(({ member, reason }) => [member, `with its next start: ${reason} now`])),
  };
}

/**
 * A member runs with the settings from before, for it did not start with the others: those are taken back everywhere.
 * @throws OpError settings-refused, with the server's own words
 */
async function takeBackIfRefused(
  parts: Parts,
  { cluster: name, by }: Pick<OperationRecord, "cluster" | "by">,
): Promise<void> {
  const refused = refusedBy(clusterOf(parts, name));
  if (!refused) return;
  const changes = await takeBack(parts, name);
  if (changes === undefined) return;
  const { member, words: reason } = refused;
  parts.events.emit("config.reverted", { cluster: name, member, actor: by }, { changes, reason });
  await awaitConfigured(parts, name);
  throw new OpError("settings-refused", {
    message: `"${member}" does not start with the changed settings`,
    detail: `${reason}. They have been taken back; every member has those from before.`,
    hint: `What it said then: matriarch logs ${name} --member ${member}`,
  });
}

function shown(value: string): string {
  return value === "" ? "''" : value;
}

function refusedBy({ members }: ClusterRuntime): { readonly member: MemberId; readonly words: string } | undefined {
  for (const { id, server } of members.values())
    if (server.kind === "running" && server.settingsRefused !== undefined)
      return { member: id, words: server.settingsRefused };
  return undefined;
}

/** @returns names of what was changed; undefined: there is nothing to go back to */
async function takeBack(parts: Parts, name: string): Promise<readonly string[] | undefined> {
  let changes: readonly string[] | undefined;
  await amend(parts, name, ({ spec: { value: spec } }) => {
    const { before, operation = "" } = spec.change ?? {};
    changes = before && differing(tuningOf(spec).settings, before.settings);
    const value = { ...spec, ...before, change: { operation }, generation: spec.generation + 1 };
    return { require: ["spec"], write: before ? [{ key: "spec", value }] : [] };
  });
  return changes;
}

function differing(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}
