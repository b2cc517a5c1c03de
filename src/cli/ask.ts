/** The one question that commands ask. Loaded only on a terminal: without one the library would wait for ever. */
import { isCancel, log, text } from "@clack/prompts";

import { OpError } from "../errors/op-error.ts";

/** @throws OpError not-confirmed unless the person types `name` */
export async function askForName(plan: string, name: string): Promise<void> {
  const output = process.stderr;
  log.warn(plan, { output });
  const typed = await text({ message: `Type ${name} to go on`, output });
  if (isCancel(typed) || typed !== name) {
    throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
  }
}
