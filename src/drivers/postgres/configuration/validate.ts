import type { Engine, ServerOwner } from "../port.ts";
import type { Template } from "../provision/template.ts";
import type { Settings } from "./defaults.ts";

/** @throws OpError bad-value that names every setting that is wrong, with Postgres' own reason */
export function validateSettings(
  settings: Settings,
  context: {
    readonly engine: Engine;
    readonly template: Template;
    readonly owner: ServerOwner | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  throw new Error(`to be written ${Object.keys(settings).length} ${context.engine.major}`);
}
