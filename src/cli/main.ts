/**
 * Runs the command line once: parses, runs a handler, writes its result or its error, and sets the exit code. Called
 * by entry/cli.ts. Results go to stdout, everything else to stderr.
 */
import { CommanderError } from "@commander-js/extra-typings";

import { OpError } from "../errors/op-error.ts";
import { CommandContext, type Flags, type Outcome, type Programs } from "./context.ts";
import { errorDocument, renderError } from "./output/error.ts";
import { createPaint, noPaint } from "./output/paint.ts";
import { createProgram } from "./program.ts";

export interface CliOptions extends Programs {
  readonly argv: readonly string[];
}

export async function runCli({ argv, ...programs }: CliOptions): Promise<void> {
  endQuietlyWithReader();
  const program = createProgram(async (handler) => {
    const context = new CommandContext(readFlags(program.opts()), programs);
    const outcome = await handler(context);
    if (outcome) write(outcome, context);
  });
  try {
    if (argv[0] === "complete") return await (await import("./completion/answer.ts")).answer(program, argv, programs);
    await program.parseAsync(expected(argv), { from: "user" });
  } catch (error) {
    await fail(error, readFlags(program.opts()), commandNamed(program, argv));
  }
}

interface Named {
  readonly commands: readonly Named[];
  name(): string;
}

/** `volume list`: the command and those below it that were named, for the hint of an error. */
function commandNamed({ commands }: Named, words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => commands.some((known) => known.name() === word));
  const found = commands.find((known) => known.name() === words[at]);
  if (found === undefined) return undefined;
  const below = commandNamed(found, words.slice(at + 1, at + 2));
  return below === undefined ? found.name() : `${found.name()} ${below}`;
}

/** What people type first at any command line. */
function expected(argv: readonly string[]): string[] {
  if (argv.length === 0) return ["help"];
  return argv[0] === "--version" || argv[0] === "-V" ? ["version", ...argv.slice(1)] : [...argv];
}

interface GlobalOptions {
  readonly json?: true | undefined;
  readonly yes?: true | undefined;
  readonly color: boolean;
  readonly host?: readonly string[] | undefined;
  readonly context?: string | undefined;
}

function readFlags({ json, yes, color, host = [], context }: GlobalOptions): Flags {
  return { json: json === true, yes: yes === true, color, hosts: host, context };
}

function write(outcome: Outcome, context: CommandContext): void {
  const paint = context.paintFor(process.stdout);
  const text = context.flags.json ? JSON.stringify(outcome.json, undefined, 2) : outcome.text(paint);
  if (text !== "") process.stdout.write(`${text}\n`);
  process.exitCode = outcome.exitCode ?? 0;
}

async function fail(error: unknown, flags: Flags, commandName: string | undefined): Promise<void> {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const failure = await toOpError(error, commandName);
  if (flags.json) process.stdout.write(`${JSON.stringify(errorDocument(failure), undefined, 2)}\n`);
  const paint = flags.color ? createPaint(process.stderr, true) : noPaint;
  process.stderr.write(`${renderError(failure, paint)}\n`);
  if (failure.code === "internal" && process.env["MATRIARCH_DEBUG"]) console.error(error);
  process.exitCode = failure.kind.exitCode;
}

async function toOpError(error: unknown, commandName: string | undefined): Promise<OpError> {
  if (error instanceof OpError) return error;
  if (error instanceof CommanderError) {
    const { usageError } = await import("./usage.ts");
    return usageError(error, commandName);
  }
  return new OpError("internal", {
    message: "this command met an error that it did not expect",
    detail: error instanceof Error ? error.message : String(error),
    hint: "Please report it. MATRIARCH_DEBUG=1 shows where it happened.",
    cause: error,
  });
}

/** `matriarch events shop | head` is no error. */
function endQuietlyWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
    throw error;
  });
}
