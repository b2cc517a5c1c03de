/** Carries `config set` and `config unset` out: the plan first, a question where a restart is needed, then the change. */
import type { ChangeSettingsRequest } from "../contract/settings.ts";
import { operationOutcome } from "./commands/operation-outcome.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { renderPlan } from "./output/settings.ts";

export interface ConfigFlags {
  readonly dryRun: boolean | undefined;
  /** undefined: it is asked for on a terminal, and left pending elsewhere */
  readonly restart: boolean | undefined;
}

export async function changeConfig(
  context: CommandContext,
  cluster: string,
  request: ChangeSettingsRequest,
  { dryRun, restart }: ConfigFlags,
): Promise<Outcome> {
  const client = await context.client();
  const plan = await client.planSettings(cluster, request);
  if (dryRun === true) return { json: plan, text: (paint) => renderPlan(plan, paint) };
  if (!context.flags.json) context.note(renderPlan(plan, context.paintFor(process.stderr)));
  const allowed = restart ?? (plan.restart.length > 0 && (await mayRestart(context, plan.restart)));
  return operationOutcome(context, await client.changeSettings(cluster, { ...request, restart: allowed }));
}

/** In a script it must be said with --restart. */
export async function mayRestart(context: CommandContext, members: readonly string[]): Promise<boolean> {
  if (context.flags.yes) return true;
  if (!context.canAsk) return false;
  const { askWhether } = await import("./ask.ts");
  return askWhether(`Restart ${members.join(", ")} now? Otherwise what needs it stays pending.`);
}
