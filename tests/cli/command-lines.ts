/** Lines of shell with `matriarch` in them, parsed by the real program. For tests of what pages tell people to type. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { createProgram } from "../../src/cli/program.ts";

/** The words behind `matriarch` in a line of shell. */
export function wordsOf(line: string): readonly string[] {
  const inner = line.replace(/^.*?(?<![\w/])matriarch /, "").replace(/\).*$| [>|] .*$/, "");
  return (inner.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replaceAll(/['"]/g, ""));
}

/** @returns why the program does not understand the line; undefined when it does */
export async function parseLine(line: string): Promise<string | undefined> {
  let ran = 0;
  const program = createProgram(async () => void (ran += 1));
  mute(program);
  try {
    await program.parseAsync([...wordsOf(line)], { from: "user" });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return ran === 1 ? undefined : "it ran nothing";
}

/** Of a group without its command, and of --help, it is the answer. */
function mute(made: CommandUnknownOpts): void {
  made.configureOutput({ writeOut: () => {} });
  for (const inner of made.commands) mute(inner);
}

/** A page may name a command without all that it needs; but nothing that it does not know. */
export async function problemOf(line: string): Promise<string | undefined> {
  const problem = await parseLine(line);
  return problem !== undefined &&
    /missing required|not specified|argument missing|it ran nothing|a command is missing|outputHelp/.test(problem)
    ? undefined
    : problem;
}
