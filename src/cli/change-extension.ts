/**
 * Enabling, disabling and updating an extension: the plan from the agent, the questions that it raises, the change. Called
 * by the commands of extensions.
 */
import { extensionPlanSchema, type ExtensionPlan, type ExtensionRequest } from "../contract/extensions.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { follow } from "./follow.ts";
import { doneWords, planWords } from "./output/extensions.ts";

export async function enableExtension(
  context: CommandContext,
  cluster: string,
  request: ExtensionRequest,
  dryRun: boolean,
): Promise<Outcome> {
  const plan = await planOf(context, cluster, request);
  if (dryRun || plan.is_done) return told(plan, cluster);
  if (plan.installs.length > 0) await context.agree(planWords(plan, cluster), "Install and go on?", "--yes");
  const isAsked = plan.restart.length > 0 && request.restart !== true && (context.canAsk || context.flags.yes);
  if (isAsked)
    await context.agree(
      planWords(plan, cluster),
      plan.restart.length > 1 ? "Restart them, one at a time?" : "Restart it?",
      "--restart",
    );
  return carryOut(context, cluster, { ...request, restart: request.restart === true || isAsked });
}

export async function disableExtension(
  context: CommandContext,
  cluster: string,
  request: ExtensionRequest,
  dryRun: boolean,
): Promise<Outcome> {
  const plan = await planOf(context, cluster, request);
  if (dryRun) return told(plan, cluster);
  if (plan.drops.length > 0 || plan.loses.length > 0) await context.confirm(planWords(plan, cluster), plan.name);
  return carryOut(context, cluster, request);
}

export async function changeExtension(
  context: CommandContext,
  cluster: string,
  request: ExtensionRequest,
  dryRun: boolean,
): Promise<Outcome> {
  const plan = await planOf(context, cluster, request);
  return dryRun || plan.is_done ? told(plan, cluster) : carryOut(context, cluster, request);
}

async function planOf(context: CommandContext, cluster: string, request: ExtensionRequest): Promise<ExtensionPlan> {
  return (await context.client()).planExtension(cluster, request);
}

function told(plan: ExtensionPlan, cluster: string): Outcome {
  return { json: plan, text: () => planWords(plan, cluster) };
}

async function carryOut(context: CommandContext, cluster: string, request: ExtensionRequest): Promise<Outcome> {
  const ended = await follow(context, await (await context.client()).changeExtension(cluster, request));
  const plan = extensionPlanSchema.parse(ended.result);
  return { json: ended, text: () => doneWords(plan, { cluster, hasRestarted: request.restart === true }) };
}
