/**
 * docs/cli.md, made from the command definitions. Run without arguments it writes the page; tests/cli/program.test.ts
 * fails when what is written is not what the commands say.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { examplesOf, notesOf } from "../src/cli/command.ts";
import { topicMarkdown } from "../src/cli/manual/topic.ts";
import { environment, exitCodes, topics } from "../src/cli/manual/topics.ts";
import { createProgram } from "../src/cli/program.ts";

const intro = `# Command line

<!-- Made from the command definitions by scripts/cli-page.ts; change those instead. -->

\`matriarch <verb> <cluster>\` is for what is done to a cluster, \`matriarch <noun> <verb>\` for its parts. Results go to
stdout; progress, notes and errors go to stderr. Without a terminal nothing is ever asked. A command that needs the agent
starts it.

Every command takes:

| flag | meaning |
| --- | --- |
| \`--json\` | one JSON document on stdout; with \`--watch\` and \`--follow\` one per line; errors as \`{"error": {"code", "message", "detail", "hint"}}\` |
| \`--yes\` | yes to every question |
| \`--no-color\` | no colours; \`NO_COLOR\` does the same |
| \`--host URL\` | agent on another machine, \`https://10.0.0.1:7400\`; given again, or with commas: the first that answers |
| \`--context NAME\` | installation on other machines by name (\`matriarch context\`); \`local\` is this machine |
| \`--help\` | purpose, flags, examples |

Without either, \`MATRIARCH_HOST\`, \`MATRIARCH_CONTEXT\` and the context in use decide, in this order, and else it is the agent
of this machine. Requests name the user of the operating system who asked, for the record; who may ask is decided by the mode of
the agent's socket, which only its owner and root can open.

\`matriarch help TOPIC\` explains what concerns several commands: ${topics.map(({ name }) => name).join(", ")}. The same pages for man:
\`matriarch man --install\`.

## Exit codes

${topicMarkdown(exitCodes)}

## Environment

${topicMarkdown(environment)}`;

export function cliPage(): string {
  const program = createProgram(async () => {});
  return `${[intro, ...program.commands.flatMap((made) => sections(made, "matriarch"))].join("\n\n")}\n`;
}

/** Commands that do something, in order; nouns stand for their verbs. */
export function leavesOf(
  made: CommandUnknownOpts,
  path: string,
): readonly { command: CommandUnknownOpts; path: string }[] {
  const own = `${path} ${made.name()}`;
  return made.commands.length === 0
    ? [{ command: made, path: own }]
    : made.commands.flatMap((inner) => leavesOf(inner, own));
}

function sections(made: CommandUnknownOpts, path: string): readonly string[] {
  return leavesOf(made, path).map((leaf) => section(leaf.command, leaf.path));
}

function section(made: CommandUnknownOpts, path: string): string {
  const words = made.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? "..." : "");
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const examples = examplesOf(made).map(({ line, what }) => `${line}  # ${what}`);
  const notes = notesOf(made).map((note) => note.trim().replaceAll(/[<*]/g, "\\$&"));
  const parts = [`## ${[path, ...words].join(" ")}`, made.description(), ...notes, optionTable(made)];
  return [...parts, ["```sh", ...examples, "```"].join("\n")].filter((part) => part !== "").join("\n\n");
}

function optionTable(made: CommandUnknownOpts): string {
  const rows = made.options.map((option) => {
    const choices = option.argChoices ? ` (${option.argChoices.join(", ")})` : "";
    const preset: unknown = option.defaultValue;
    const byDefault = preset === undefined ? "" : `; default ${JSON.stringify(preset).replaceAll('"', "")}`;
    return `| \`${option.flags}\` | ${option.description}${choices}${byDefault} |`;
  });
  return rows.length === 0 ? "" : ["| flag | meaning |", "| --- | --- |", ...rows].join("\n");
}

if (import.meta.main) writeFileSync(join(resolve(import.meta.dirname, ".."), "docs", "cli.md"), cliPage());
