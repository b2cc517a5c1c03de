/** Follows the operation that a change began, and shows how it ended. Shared by the commands that change something. */
import type { Operation } from "../../contract/cluster.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { follow } from "../follow.ts";
import { renderOperation } from "../output/operation.ts";

export async function operationOutcome(context: CommandContext, begun: Operation): Promise<Outcome> {
  const ended = await follow(context, begun);
  return { json: ended, text: (paint) => renderOperation(ended, paint) };
}
