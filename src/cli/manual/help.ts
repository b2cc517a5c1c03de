/** `help`: what a command does, or a topic of the manual. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { OpError } from "../../errors/op-error.ts";
import { terminalColumns } from "../command.ts";
import type { Outcome } from "../context.ts";
import { topicText } from "./topic.ts";
import { topics } from "./topics.ts";

/** @throws OpError usage when there is neither a command nor a topic of this name */
export function explainSubject(program: CommandUnknownOpts, words: readonly string[]): Outcome | void {
  const topic = topics.find(({ name }) => words.length === 1 && name === words[0]);
  if (topic) return { json: topic, text: () => topicText(topic, terminalColumns()) };
  let made = program;
  for (const word of words) {
    const inner = made.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (!inner) throw unknown(words, made);
    made = inner;
  }
  made.outputHelp();
}

function unknown(words: readonly string[], made: CommandUnknownOpts): OpError {
  const others =
    made.parent === null ? "" : `\n"${made.name()}" has: ${made.commands.map((one) => one.name()).join(", ")}.`;
  return new OpError("usage", {
    message: `there is no command or topic "${words.join(" ")}"`,
    detail: `Topics are: ${topics.map(({ name }) => name).join(", ")}.${others}`,
    hint: 'All commands are listed by "matriarch help".',
  });
}
