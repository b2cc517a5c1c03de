/** How a command is declared: its purpose, its options, two examples, and a handler that returns data. */
import { Command, InvalidArgumentError, type CommandUnknownOpts } from "@commander-js/extra-typings";

import { graceMsMax } from "../contract/accounts.ts";
import { autostopMsMax, autostopMsMin } from "../contract/cluster.ts";
import { maxLagBytesMin, maxLagMsMax, maxLagMsMin } from "../contract/reads.ts";
import { parseDuration, parseSize } from "../contract/units.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { examplesText, foldText, type Example } from "./output/help.ts";

/** Runs a handler and writes what it returns; handlers that stream return nothing. */
export type Run = (handler: (context: CommandContext) => Promise<Outcome | void>) => Promise<void>;

const notesByCommand = new WeakMap<object, readonly string[]>();
const examplesByCommand = new WeakMap<object, readonly Example[]>();

export function command(name: string, purpose: string, examples: readonly (readonly [line: string, what: string])[]) {
  const made = new Command(name).description(purpose).copyInheritedSettings(settings);
  const list = examples.map(([line, what]) => ({ line, what }));
  examplesByCommand.set(made, list);
  if (list.length > 0) made.addHelpText("after", () => examplesText(list, terminalColumns()));
  // What a command adds to its help stands in the manual as well.
  const add = made.addHelpText.bind(made);
  made.addHelpText = (position, text) => {
    if (typeof text !== "string") return add(position, text);
    notesByCommand.set(made, [...notesOf(made), text]);
    return add(position, () => foldText(text, terminalColumns()));
  };
  return made;
}

/** Known on a terminal alone, as for the options of a help. */
export function terminalColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** Paragraphs that follow its options and examples. */
export function notesOf(made: object): readonly string[] {
  return notesByCommand.get(made) ?? [];
}

export function examplesOf(made: object): readonly Example[] {
  return examplesByCommand.get(made) ?? [];
}

/** Errors are thrown and not written: main.ts writes them all in one way. */
export const settings = new Command()
  .exitOverride()
  .configureOutput({ writeErr: () => {}, outputError: () => {} })
  .configureHelp({
    showGlobalOptions: true,
    sortOptions: false,
    sortSubcommands: false,
    subcommandTerm,
  });

/** Of the verbs of a noun their arguments, too. Longer words would leave their purpose no room on 80 columns. */
function subcommandTerm(inner: CommandUnknownOpts): string {
  if (inner.parent?.parent === null) return inner.name();
  const words = inner.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [inner.name(), ...words].join(" ");
}

/** What has nothing in it is a shell variable that was not set, sooner than a wish. */
export function textArgument(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It is empty.");
  return text;
}

export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("It is no duration; write one like 30m, 90s or 1h30m.");
  return ms;
}

/** How long an old password stays good. */
export function graceArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms > graceMsMax) throw new InvalidArgumentError("It must be from 0s to 31d.");
  return Math.round(ms);
}

const moment = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** As ISO 8601: a duration before now, or a moment of this machine's time. */
export function momentArgument(text: string): string {
  const agoMs = parseDuration(text);
  const written = moment.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  const at = agoMs === undefined ? written : Date.now() - agoMs;
  if (!(at <= Date.now()))
    throw new InvalidArgumentError(
      "It is neither a duration like 30d nor a past moment like 2026-11-01 or 2026-11-01T12:00.",
    );
  return new Date(at).toISOString();
}

export function autostopArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms < autostopMsMin || ms > autostopMsMax) throw new InvalidArgumentError("It must be from 1s to 365d.");
  return Math.round(ms);
}

export function maxLagArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms < maxLagMsMin || ms > maxLagMsMax) throw new InvalidArgumentError("It must be from 2s to 1h.");
  return Math.round(ms);
}

export function maxLagBytesArgument(text: string): number {
  const bytes = sizeArgument(text);
  if (bytes < maxLagBytesMin) throw new InvalidArgumentError("It must be 1MB or more.");
  return bytes;
}

export function sizeArgument(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError("It is no size; write one like 512MB or 2GB.");
  return bytes;
}

export function countArgument(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(count >= min && count <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return count;
  };
}

/** Of Postgres: `18`, or `18.3`. */
export function versionArgument(text: string): string {
  const [, major] = /^(\d{1,2})(\.\d{1,3})?$/.exec(text) ?? [];
  if (!(Number(major) >= 14 && Number(major) <= 18))
    throw new InvalidArgumentError("It must be a major version from 14 to 18, or a minor one of these like 18.3.");
  return text;
}

/** An option that may be given again. */
export function severalArgument(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `--set a=1 --set b=2`, or `a=1 b=2` */
export function settingArgument(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write it as NAME=VALUE, for example work_mem=16MB.");
  const name = text.slice(0, at).trim();
  if (Object.keys(before).some((other) => other.toLowerCase() === name.toLowerCase()))
    throw new InvalidArgumentError(`"${name}" is given twice.`);
  return { ...before, [name]: text.slice(at + 1).trim() };
}
