/**
 * The answer to a shell's completion script at each Tab (`matriarch complete -- WORDS`): one line for each word that fits,
 * `WORD<tab>what it is`, and a last one that says what the shell is to add: `:none`, names of `:files` or
 * `:directories`, or not even a space, because the word is `:open`. It comes quickly and silently: the agent is asked only if it runs, within a short time, and no error is
 * ever shown.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { CommandContext, type Programs } from "../context.ts";
import { commandsOf, namesOf, subjectsOf, type Offer } from "./names.ts";
import { positionOf, type Position } from "./position.ts";

type Ending = "none" | "open" | "files" | "directories";

/** An agent on this machine takes a tenth of that, one far away three round trips. */
const namesWithinMs = 1000;

/** What the command line is given for it, besides what commands have. */
export interface CompletionParts {
  readonly eventTypes: () => Promise<readonly string[]>;
}

export async function answer(
  program: CommandUnknownOpts,
  argv: readonly string[],
  { eventTypes }: CompletionParts,
): Promise<void> {
  const words = argv.slice(argv.indexOf("--") + 1);
  const position = positionOf(program, argv[1] === "--shell=bash" ? words.map(unquoted) : words);
  const late = new Promise<readonly Offer[]>((resolve) => setTimeout(resolve, namesWithinMs, []));
  const found = offersFor(program, position, eventTypes).catch(() => []);
  const offers = await Promise.race([found, late]);
  const lines = offers.filter(({ value }) => value.startsWith(position.typed) && isLine(value)).map(lineOf);
  const text = [...new Set(lines), `:${endingOf(position)}`].join("\n");
  // A host that does not answer keeps nobody waiting.
  process.stdout.write(`${text}\n`, () => process.exit(0));
}

async function offersFor(
  program: CommandUnknownOpts,
  position: Position,
  eventTypes: CompletionParts["eventTypes"],
): Promise<readonly Offer[]> {
  const { wanted } = position;
  const asked = { program, client: clientFor(position), eventTypes, position };
  switch (wanted.kind) {
    case "nothing":
      return [];
    case "command":
      if (wanted.isHelp && wanted.of === program) return subjectsOf(program);
      return [...commandsOf(wanted.of), ...(wanted.orElse ? await namesOf(wanted.orElse.name, asked) : [])];
    case "flag":
      return wanted.of.map(({ long, description }) => ({ value: long ?? "", what: description }));
    case "value":
      if (wanted.choices.length > 0) return wanted.choices.map((value) => ({ value, what: "" }));
      return wanted.isNew ? [] : namesOf(wanted.name, asked);
  }
}

/** The agent that the line names, if it runs; asked for once, and only for names. */
function clientFor({ hosts, context }: Position) {
  const made = new CommandContext({ json: true, yes: false, color: false, hosts, context }, noPrograms);
  let client: ReturnType<typeof made.runningClient> | undefined;
  return () => {
    client ??= made.runningClient();
    client.catch(() => undefined);
    return client;
  };
}

function endingOf({ wanted, typed }: Position): Ending {
  if (wanted.kind !== "value") return "none";
  if (wanted.name === "file") return "files";
  if (wanted.name === "name=value" && !typed.includes("=")) return "open";
  return wanted.name === "directory" ? "directories" : "none";
}

/** Bash hands words over as they were typed; the last one may still be open. */
export function unquoted(word: string): string {
  return word.replaceAll(
    /'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.?)/gs,
    (_all, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? "",
  );
}

/** A name with a line break in it cannot be typed. */
function isLine(value: string): boolean {
  return value !== "" && !/[\n\t\r]/.test(value);
}

function lineOf({ value, what }: Offer): string {
  return `${value}\t${what.replaceAll(/[\n\t\r]/g, " ")}`;
}

/** Completing starts nothing. */
const noPrograms: Programs = {
  agentScript: "",
  hostSetup: () => Promise.reject(new Error("not while completing")),
  eventTypes: () => Promise.resolve([]),
};
