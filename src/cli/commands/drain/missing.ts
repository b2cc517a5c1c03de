/** Hosts that are away do by themselves, when they are back, what was asked of all: said so that nobody wonders. */
import type { DrainChanged } from "../../../contract/drains.ts";
import type { CommandContext } from "../../context.ts";

export function noteMissing(context: CommandContext, missing: DrainChanged["missing"]): void {
  for (const { host } of missing) context.note(`host "${host}" is not heard now; it follows when it is back`);
}
