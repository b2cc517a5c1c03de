/**
 * A newer minor version of Postgres, member by member: what is refused, what would be done, and the beginning. Binaries
 * are fetched on every host before anything stops; the turns are those of a restart (core/rules/restart.ts), which puts
 * back a member that does not start. Never to an older version, never to another major.
 */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { Asked } from "../../contract/installation.ts";
import { minorVersion, type UpgradePlan, type UpgradesInstallation, type UpgradeWish } from "../../contract/upgrade.ts";
import { judgeSwitchover } from "../../core/candidates.ts";
import { engineAsked } from "../../contract/peer.ts";
import type { EngineChoice, MemberId, RestartIntent } from "../../domain/cluster.ts";
import { supportedMajors } from "../../drivers/postgres/engine/catalog.ts";
import { compareVersions, newestOf } from "../../drivers/postgres/engine/releases.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { begin, intend, intentBase, refuseUnfit } from "../changes.ts";
import { viewOf } from "../explain.ts";
import { awake } from "../awake.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { restartProblems } from "../restart-problems.ts";
import { inOrder, refuseWithoutPrimary } from "../restart.ts";
import { snapshotBefore } from "../storage/restore/before-risk.ts";
import { runningVersion } from "../status.ts";
import { stepOf } from "../turns.ts";
import { hostsOf, prepareOn } from "./binaries.ts";
import { blockers } from "./blockers.ts";
import { usualPauseMs } from "./pauses.ts";
import { newestFor, reportVersions } from "./versions.ts";

export function createUpgrades(parts: Parts): UpgradesInstallation {
  return {
    versions: (name, { check }) => reportVersions(parts, name, check),
    plan: (name, wish) => planUpgrade(parts, name, wish),
    upgrade: (name, wish, asked) => upgradeCluster(parts, name, wish, asked),
  };
}

async function planUpgrade(
  parts: Parts,
  name: string,
  wish: Pick<UpgradeWish, "to" | "inPlace">,
): Promise<UpgradePlan> {
  const cluster = await awake(parts, name, { by: "a look at its versions" });
  const to = await targetOf(parts, cluster, wish.to);
  const members = inOrder(cluster, behind(cluster, to));
  const problems = members.length === 0 ? [] : await problemsOf(parts, cluster, members, wish.inPlace);
  return {
    cluster: name,
    to,
    turns: members.map((member) => ({
      member,
      from: versionOf(cluster, member) ?? null,
      how: howItGoes(cluster, member, wish.inPlace),
    })),
    expected_pause_ms: usualPauseMs(parts, name),
    problems: [...problems],
  };
}

function howItGoes(cluster: ClusterRuntime, member: MemberId, inPlace: boolean): UpgradePlan["turns"][number]["how"] {
  if (member !== cluster.record.reign.value.holder) return "restart";
  const view = viewOf(cluster);
  const isFit = view !== undefined && judgeSwitchover(view, null).some(({ rejection }) => rejection === undefined);
  return inPlace || !isFit ? "in-place" : "switchover";
}

async function upgradeCluster(
  parts: Parts,
  name: string,
  { to: wanted, force, inPlace }: UpgradeWish,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  refuseWithoutPrimary(cluster);
  const to = await targetOf(parts, cluster, wanted);
  const members = inOrder(cluster, behind(cluster, to));
  if (members.length === 0) return nothingToDo(parts, name, to, asked);
  const problems = force
    ? restartProblems(cluster, members, inPlace)
    : await problemsOf(parts, cluster, members, inPlace);
  if (problems.length > 0) throw blocked(name, problems);
  const operation = begin(parts, "upgrade", name, asked, preparing(cluster, to), members.length);
  void run(parts, operation, { members, to, inPlace }).catch((error: unknown) => {
    if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
  });
  return operation;
}

function blocked(name: string, problems: readonly string[]): OpError {
  return new OpError("upgrade-blocked", {
    message: `cluster "${name}" cannot be upgraded now`,
    detail: `${problems.join("; ")}.`,
    hint: "Nothing was changed. Wait for those to end, or cut them: --force goes on beside transactions that are open.",
  });
}

function nothingToDo(parts: Parts, name: string, to: string, asked: Asked): OperationRecord {
  const operation = begin(parts, "upgrade", name, asked, "looking who runs an older version");
  const message = `every member runs Postgres ${to} already`;
  parts.operations.finish(operation.id, { state: "done", step: message, result: { message } });
  return parts.operations.get(operation.id);
}

interface Upgrade {
  readonly members: readonly MemberId[];
  readonly to: string;
  readonly inPlace: boolean;
}

async function run(parts: Parts, operation: OperationRecord, { members, to, inPlace }: Upgrade): Promise<void> {
  const name = operation.cluster;
  await fetchEverywhere(parts, operation, to);
  parts.operations.step(operation.id, "making a restore point", 0);
  await snapshotBefore(parts, name, "upgrade");
  const cluster = clusterOf(parts, name);
  const { record } = cluster;
  const pending = inOrder(cluster, members);
  const versions = pending.flatMap((id) => {
    const version = record.members[id]?.value.version ?? versionOf(cluster, id);
    return version === undefined || record.spec.value.engine === "system" ? [] : [[id, version] as const];
  });
  const intent: RestartIntent = {
    kind: "restart",
    purpose: "upgrade",
    pending,
    upgrade: { to, from: Object.fromEntries(versions) },
    ...(inPlace ? { inPlace } : {}),
    ...intentBase(parts, operation),
  };
  parts.events.emit("upgrade.started", { cluster: name, actor: operation.by }, { members: pending, to });
  parts.operations.step(operation.id, stepOf(pending, 0, cluster), 0);
  await intend(parts, operation, intent);
}

/** On every host that has a member, also one that runs it already: where the primary goes nobody knows yet. */
async function fetchEverywhere(parts: Parts, operation: OperationRecord, to: string): Promise<void> {
  const cluster = clusterOf(parts, operation.cluster);
  const { record } = cluster;
  const { engine } = record.spec.value;
  for (const host of hostsOf(parts, record)) {
    if (host !== undefined) parts.operations.step(operation.id, `${preparing(cluster, to)} on host ${host}`, 0);
    const version = await prepareOn(parts, host, {
      ...engineAsked(record.spec.value),
      ...(engine === "embedded" ? { version: to } : {}),
    });
    if (version !== to) throw otherInstalled(host ?? parts.hostName, record.spec.value, { version, to });
  }
}

function preparing({ record }: ClusterRuntime, to: string): string {
  return record.spec.value.engine === "system" ? `looking for Postgres ${to}` : `fetching Postgres ${to}`;
}

function otherInstalled(
  host: string,
  { engineDirectory: directory, major }: EngineChoice,
  { version, to }: { version: string; to: string },
): OpError {
  const [who, there] =
    directory === undefined
      ? ["the machine's package manager brings", `apt-get update && apt-get install --only-upgrade postgresql-${major}`]
      : ["and a directory of your own you bring", `install the build of Postgres ${to} into ${directory}`];
  return new OpError("upgrade-blocked", {
    message: `host "${host}" has Postgres ${version} installed, and not ${to}`,
    detail: `With the system engine ${who} the binaries. No member was restarted.`,
    hint: `There: ${there}`,
  });
}

/** Members whose server runs something else, or would at its next start. */
function behind(cluster: ClusterRuntime, to: string): readonly MemberId[] {
  const { record, members } = cluster;
  return record.spec.value.members.filter((id) => {
    const member = members.get(id);
    const recorded = record.members[id]?.value.version;
    return (member && runningVersion(member)) !== to || (recorded !== undefined && recorded !== to);
  });
}

function versionOf({ members }: ClusterRuntime, id: MemberId): string | undefined {
  const member = members.get(id);
  return member && (runningVersion(member) ?? member.installed);
}

/** @throws OpError bad-value, not-supported */
async function targetOf(parts: Parts, cluster: ClusterRuntime, wanted: string | undefined): Promise<string> {
  const { engine } = cluster.record.spec.value;
  const running = newestOf([...cluster.members.values()].flatMap((member) => runningVersion(member) ?? []));
  if (wanted !== undefined) refuseVersion(cluster, wanted, running);
  const newest = (await newestFor(parts, cluster)) ?? running;
  const to = wanted?.includes(".") ? wanted : newest;
  if (to === undefined) throw new OpError("no-primary", { message: `no member of cluster "${cluster.name}" runs now` });
  if (engine === "system" && wanted?.includes(".") && wanted !== newest)
    throw otherInstalled(parts.hostName, cluster.record.spec.value, { version: newest ?? "none", to });
  if (running !== undefined && compareVersions(to, running) < 0) throw older(cluster.name, running, to);
  return to;
}

function refuseVersion({ name, record }: ClusterRuntime, wanted: string, running: string | undefined): void {
  const { engineDirectory, major } = record.spec.value;
  if (!/^\d{1,2}$/.test(wanted) && !minorVersion.test(wanted))
    throw new OpError("bad-value", {
      message: `"${wanted}" is not a version of Postgres`,
      hint: `It looks like ${major}.4. Left out, it is the newest that is there.`,
    });
  const other = Number(wanted.split(".")[0]);
  if (other !== major)
    throw new OpError("not-supported", {
      message: `cluster "${name}" is of Postgres ${major}; ${wanted} is another major version`,
      detail: "An upgrade stays within the major version: only that can be taken member by member.",
      hint: copyInto(name, { from: major, to: other }, engineDirectory !== undefined),
    });
  if (running !== undefined && wanted.includes(".") && compareVersions(wanted, running) < 0)
    throw older(name, running, wanted);
}

/** An import takes no database of a newer version. */
function copyInto(name: string, { from, to }: Record<"from" | "to", number>, isOwnBuild: boolean): string {
  if (!supportedMajors.includes(to)) return `Clusters here are of Postgres ${supportedMajors.toReversed().join(", ")}.`;
  const create = `matriarch create ${name}-new --version ${to}${isOwnBuild ? " --engine-directory ITS-DIRECTORY" : ""}`;
  return to < from
    ? `An older version may not hold what a newer one does: make a cluster with ${create}, and copy with pg_dump by hand.`
    : `Make a cluster of it and copy into that: ${create}, then matriarch import ${name}-new with the URI of "${name}", for each database (--live for seconds of pause).`;
}

function older(name: string, running: string, to: string): OpError {
  return new OpError("bad-value", {
    message: `cluster "${name}" runs Postgres ${running}; ${to} is older`,
    detail: "A data directory is never given to an older version than has written to it.",
  });
}

async function problemsOf(
  parts: Parts,
  cluster: ClusterRuntime,
  members: readonly MemberId[],
  inPlace: boolean,
): Promise<readonly string[]> {
  const isHeld = members.includes(cluster.record.reign.value.holder);
  const open = isHeld ? await blockers(parts, cluster.name) : [];
  return [...restartProblems(cluster, members, inPlace), ...open];
}
