/** The questions that commands ask. Loaded only on a terminal: without one the library would wait for ever. */
import { confirm, isCancel, log, password, text } from "@clack/prompts";

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

/** @throws OpError not-confirmed unless the person says yes */
export async function askForYes(plan: string, question: string): Promise<void> {
  const output = process.stderr;
  log.warn(plan, { output });
  const said = await confirm({ message: question, initialValue: false, output });
  if (said !== true) throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
}

/** @throws OpError not-confirmed when the person leaves */
export async function askForPassword(user: string): Promise<string> {
  const typed = await password({ message: `Password for user ${user}`, output: process.stderr });
  if (isCancel(typed)) throw new OpError("not-confirmed", { message: "no password was given" });
  return typed;
}

/** @throws OpError not-confirmed when the person leaves */
export async function askWhether(question: string): Promise<boolean> {
  const answer = await confirm({ message: question, output: process.stderr });
  if (isCancel(answer)) throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
  return answer;
}

/** @throws OpError not-confirmed when the person leaves */
export async function askForSecret(message: string): Promise<string> {
  const typed = await password({ message, output: process.stderr });
  if (isCancel(typed)) throw new OpError("not-confirmed", { message: "nothing was given, nothing was changed" });
  return typed;
}
