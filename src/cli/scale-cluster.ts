/** Carries `scale` out: the plan first where members get another size, a question where a restart is needed, the change. */
import type { ScaleRequest } from "../contract/scale.ts";
import { OpError } from "../errors/op-error.ts";
import { mayRestart, type ConfigFlags } from "./change-config.ts";
import { operationOutcome } from "./commands/operation-outcome.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { renderScalePlan } from "./output/scale.ts";

export async function scaleCluster(
  context: CommandContext,
  cluster: string,
  request: ScaleRequest,
  { dryRun, restart }: ConfigFlags,
): Promise<Outcome> {
  if (Object.keys(request).length === 0)
    throw new OpError("usage", {
      message: "nothing to change",
      hint: `Say what: matriarch scale ${cluster} --memory 2GB, --cpus 2, --members 5, --limit or --no-limit`,
    });
  const client = await context.client();
  const isSized = Object.keys(request).some((name) => name !== "members");
  if (!isSized && dryRun !== true) return operationOutcome(context, await client.scale(cluster, request));
  const plan = await client.planScale(cluster, request);
  if (dryRun === true) return { json: plan, text: (paint) => renderScalePlan(plan, paint) };
  if (!context.flags.json) context.note(renderScalePlan(plan, context.paintFor(process.stderr)));
  const allowed = restart ?? (plan.restart.length > 0 && (await mayRestart(context, plan.restart)));
  return operationOutcome(context, await client.scale(cluster, { ...request, restart: allowed }));
}
