/** The questions that commands ask. Loaded only on a terminal: without one the library would wait for ever. */
import { confirm, isCancel, log, password, text } from "@clack/prompts";

import { OpError } from "../errors/op-error.ts";

/** @throws OpError not-confirmed unless the person types `name` */
export async function askForName(plan: string, name: string): Promise<void> {
  const output = process.stderr;
  log.warn(plan, { output });
  const typed = await orLeft((signal) => text({ message: `Type ${name} to go on`, output, signal }));
  if (isCancel(typed) || typed !== name) {
    throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
  }
}

/** @throws OpError not-confirmed unless the person says yes */
export async function askForYes(plan: string, question: string): Promise<void> {
  const output = process.stderr;
  log.warn(plan, { output });
  const said = await orLeft((signal) => confirm({ message: question, initialValue: false, output, signal }));
  if (said !== true) throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
}

/** @throws OpError not-confirmed when the person leaves */
export async function askForPassword(user: string): Promise<string> {
  const message = `Password for user ${user}`;
  const typed = await orLeft((signal) => password({ message, output: process.stderr, signal }));
  if (isCancel(typed)) throw new OpError("not-confirmed", { message: "no password was given" });
  return typed;
}

/** @throws OpError not-confirmed when the person leaves */
export async function askWhether(question: string): Promise<boolean> {
  const answer = await orLeft((signal) => confirm({ message: question, output: process.stderr, signal }));
  if (isCancel(answer)) throw new OpError("not-confirmed", { message: "not confirmed, nothing was changed" });
  return answer;
}

/** @throws OpError not-confirmed when the person leaves */
export async function askForSecret(message: string): Promise<string> {
  const typed = await orLeft((signal) => password({ message, output: process.stderr, signal }));
  if (isCancel(typed)) throw new OpError("not-confirmed", { message: "nothing was given, nothing was changed" });
  return typed;
}

/**
 * Ctrl-D ends the library's input and not its question, which nobody could answer any more: it is left, as with Ctrl-C.
 * So is one whose terminal goes away.
 */
async function orLeft<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  const press = (_: unknown, key: { readonly name?: string; readonly ctrl?: boolean } | undefined): void => {
    if (key?.ctrl && key.name === "d") leave();
  };
  process.stdin.on("keypress", press).once("end", leave);
  try {
    return await ask(left.signal);
  } finally {
    process.stdin.off("keypress", press).off("end", leave);
  }
}
