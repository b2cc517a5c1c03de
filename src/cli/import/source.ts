/**
 * Where the URI of an import's source comes from: a variable, a file, stdin, a question on the terminal, or the command
 * line itself. Called by the import commands. It is never printed again.
 */
import { readFile } from "node:fs/promises";
import { text as readStream } from "node:stream/consumers";

import { parseSourceUri, type ParsedSource } from "../../contract/source-uri.ts";
import { OpError } from "../../errors/op-error.ts";
import type { CommandContext } from "../context.ts";

export interface SourceOptions {
  /** `-`: stdin */
  readonly uri: string | undefined;
  readonly sourceEnv?: string | undefined;
  readonly sourceFile?: string | undefined;
}

/** @throws OpError usage, bad-value, not-confirmed */
export async function readSource(context: CommandContext, options: SourceOptions): Promise<ParsedSource> {
  const given = [options.uri, options.sourceEnv, options.sourceFile].filter((way) => way !== undefined);
  if (given.length > 1)
    throw new OpError("usage", { message: "name the source once: as a URI, with --source-env or with --source-file" });
  return parseSourceUri(await readText(context, options));
}

async function readText(context: CommandContext, { uri, sourceEnv, sourceFile }: SourceOptions): Promise<string> {
  if (sourceEnv !== undefined) return fromVariable(sourceEnv);
  if (sourceFile !== undefined) return fromFile(sourceFile);
  if (uri === "-") return readStream(process.stdin);
  if (uri !== undefined) return uri;
  if (!context.canAsk)
    throw new OpError("usage", {
      message: "no source is named",
      hint: "Name it with --source-env VARIABLE or --source-file FILE, or write - and give it on stdin.",
    });
  const { askForSecret } = await import("../ask.ts");
  return askForSecret("URI of the source, postgres://…");
}

function fromVariable(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  throw new OpError("bad-value", { message: `the variable "${name}" is not set, or empty` });
}

async function fromFile(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    const detail = `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`;
    throw new OpError("bad-value", { message: `the file "${file}" cannot be read`, detail, cause });
  });
}
