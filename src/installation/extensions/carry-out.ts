/**
 * Carries out a plan: packages, settings and the restart that they need, and at last the statement in the database. The
 * order is that of what can be left standing: an interrupted one is completed by the same command.
 */
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import type { Asked } from "../../contract/asked.ts";
import type { AdminSession } from "../../drivers/postgres/accounts/admin.ts";
import { identifier, literal } from "../../drivers/postgres/session/quote.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { changeOnPrimary } from "../accounts/primary.ts";
import { begin, follow, refuseUnfit } from "../changes.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { applyWithin, awaitRestartEnd } from "../settings/apply.ts";
import { pointBefore } from "../storage/restore/before-risk.ts";
import { installOn } from "./hosts.ts";
import { asUnloadable } from "./refusals.ts";
import { planChange } from "./plan.ts";

/** Of operations, before what is done. */
export const extensionKind = "extension ";

/** Scripts of large extensions work for some seconds, longer where the disk is slow; updates may rewrite tables. */
const scriptMs = 300_000;

export async function changeExtension(
  parts: Parts,
  name: string,
  wish: ExtensionWish,
  asked: Asked,
): Promise<OperationRecord> {
  refuseUnfit(parts, clusterOf(parts, name));
  const plan = await planChange(parts, name, wish);
  if (plan.change === "enable" && plan.restart.length > 0 && !wish.restart) refuseRestart(plan);
  const operation = begin(parts, `${extensionKind}${plan.change}`, name, asked, firstStep(plan));
  return follow(parts, operation, async () => ({ ...(await carryOut(parts, name, { wish, plan, operation })) }));
}

/**
 * What an agent before this one began: how far it came is found out by the same command, which is refused as long as the
 * restart goes on that was begun for it.
 */
export function endInterrupted(parts: Parts, operation: OperationRecord): void {
  follow(parts, operation, async () => {
    await awaitRestartEnd(parts, operation.cluster);
    throw new OpError("interrupted", {
      message: `the agent ended during ${operation.kind}`,
      hint: "Give the same command again: it goes on from what is there.",
    });
  });
}

function refuseRestart({ name, restart }: ExtensionPlan): never {
  throw new OpError("restart-needed", {
    message: `"${name}" must be loaded when a server starts, so ${restart.join(", ")} must be restarted for it`,
    detail:
      "One at a time, the primary last and by moving its role: writes pause for about as long as in a switchover.",
    hint: "Allow it with --restart.",
  });
}

function firstStep({ change, name, database }: ExtensionPlan): string {
  const what = { enable: "enabling", disable: "disabling", update: "updating" }[change];
  return database === null ? `${what} ${name}` : `${what} ${name} in database ${database}`;
}

interface Work {
  readonly wish: ExtensionWish;
  readonly plan: ExtensionPlan;
  readonly operation: OperationRecord;
}

/** @returns the plan as it was carried out */
async function carryOut(parts: Parts, name: string, { wish, plan: first, operation }: Work): Promise<ExtensionPlan> {
  await installPackages(parts, name, { plan: first, operation });
  // With the packages there are versions and requirements to be seen that nobody knew before.
  const plan = first.installs.length === 0 ? first : await planChange(parts, name, { ...wish, install: false });
  const settle = (): Promise<void> => settleSettings(parts, { wish, plan, operation });
  if (plan.change === "enable") await settle();
  if (plan.database !== null) {
    parts.operations.step(operation.id, firstStep(plan));
    await runStatement(parts, name, { wish, plan });
  }
  if (plan.change === "disable") await settle();
  tell(parts, name, plan, operation.by);
  return plan;
}

async function installPackages(parts: Parts, cluster: string, { plan, operation }: Omit<Work, "wish">): Promise<void> {
  const { major } = clusterOf(parts, cluster).record.spec.value;
  for (const { host, line } of plan.installs) {
    parts.operations.step(operation.id, `on host ${host}: ${line}`);
    await installOn(parts, host, plan.name, major);
    const about = { cluster, actor: operation.by };
    parts.events.emit("extension.installed", about, { extension: plan.name, host, command: line });
  }
}

/** Nobody else changes databases, users or extensions of this cluster meanwhile. */
async function runStatement(parts: Parts, name: string, { wish, plan }: Omit<Work, "operation">): Promise<void> {
  const { database } = plan;
  if (database === null || (plan.change !== "disable" && plan.version === plan.version_before)) return;
  // Scripts of an update rewrite objects and have no way back, and what is dropped with an extension is gone.
  if (plan.change !== "enable") await pointBefore(parts, name, `${plan.change}-${plan.name}`);
  try {
    await changeOnPrimary(parts, name, (admin) =>
      admin.inDatabase(database, (session) => runIn(session, wish, plan), scriptMs),
    );
  } catch (error) {
    const { engine, major } = clusterOf(parts, name).record.spec.value;
    throw asUnloadable(error, plan.name, { engine, major });
  }
}

async function runIn(
  session: AdminSession,
  { schema, cascade, version }: ExtensionWish,
  plan: ExtensionPlan,
): Promise<void> {
  const extension = identifier(plan.name);
  switch (plan.change) {
    case "enable": {
      // Our sessions look at pg_catalog alone; the extension's objects go where a user's session would put them.
      const place = ["SET LOCAL search_path = public"];
      const where = schema === undefined ? "" : ` SCHEMA ${identifier(schema)}`;
      const which = version === undefined ? "" : ` VERSION ${literal(version)}`;
      return session.runTogether([...place, `CREATE EXTENSION IF NOT EXISTS ${extension}${where}${which} CASCADE`]);
    }
    case "disable":
      return session.run([`DROP EXTENSION IF EXISTS ${extension}${cascade ? " CASCADE" : ""}`]);
    case "update":
      return session.run([`ALTER EXTENSION ${extension} UPDATE TO ${literal(plan.version ?? "")}`]);
  }
}

/** The library that it needs is loaded, or left out with the next start. */
async function settleSettings(parts: Parts, { wish, plan, operation }: Work): Promise<void> {
  const isChanged = Object.keys(plan.settings).length > 0;
  const mayRestart = wish.restart && plan.restart.length > 0;
  if (!isChanged && !mayRestart) return;
  parts.operations.step(operation.id, "changing which libraries are loaded");
  const changes = Object.entries(plan.settings);
  const set = Object.fromEntries(changes.flatMap(([setting, value]) => (value === null ? [] : [[setting, value]])));
  const unset = changes.flatMap(([setting, value]) => (value === null ? [setting] : []));
  await applyWithin(parts, operation, { set, unset, by: "extensions" }, { restart: mayRestart });
  if (plan.change === "enable") await refuseUnloaded(parts, operation.cluster, wish);
}

/** Read back from the servers: the statement would fail, or be of no use on the next primary. */
async function refuseUnloaded(parts: Parts, name: string, wish: ExtensionWish): Promise<void> {
  const { restart } = await planChange(parts, name, wish);
  if (restart.length === 0) return;
  throw new OpError("operation-failed", {
    message: `${restart.join(", ")} ${restart.length === 1 ? "does" : "do"} not have the library of "${wish.name}" loaded yet`,
    hint: `See why: matriarch events ${name}. Then give the same command again.`,
  });
}

function tell(parts: Parts, cluster: string, plan: ExtensionPlan, by: string): void {
  const about = { cluster, actor: by };
  const { name: extension, version, version_before: before, also } = plan;
  const database = plan.database ?? "";
  if (plan.is_done) return;
  switch (plan.change) {
    case "enable":
      return void parts.events.emit("extension.enabled", about, { extension, database, version: version ?? "", also });
    case "disable":
      return void parts.events.emit("extension.disabled", about, { extension, database, with: plan.drops });
    case "update":
      return void parts.events.emit("extension.updated", about, {
        extension,
        database,
        from: before ?? "",
        to: version ?? "",
      });
  }
}
