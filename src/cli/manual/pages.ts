/**
 * The man pages: matriarch(1), one for each command or noun, one for each topic, from the same declarations as --help and
 * docs/cli.md. Called by `matriarch man` and by the tests that lint them. Pure.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

import { version } from "../../config/version.ts";
import { examplesOf, notesOf } from "../command.ts";
import { blocks, bold, escaped, example, head, italic, paragraph, section, term } from "./roff.ts";
import { environment, exitCodes, topics } from "./topics.ts";
import type { Topic } from "./topic.ts";

export interface Page {
  /** `matriarch-status` */
  readonly name: string;
  readonly section: 1 | 7;
  readonly text: string;
}

export function manPages(program: CommandUnknownOpts): readonly Page[] {
  return [
    page("matriarch", 1, program.description(), rootSections(program)),
    ...program.commands.map((made) =>
      page(
        `matriarch-${made.name()}`,
        1,
        made.description(),
        made.commands.length > 0 ? nounSections(made) : ownSections(made),
      ),
    ),
    ...topics.map((topic) => page(`matriarch-${topic.name}`, 7, topic.purpose, topicSections(topic))),
  ];
}

function page(name: string, number: 1 | 7, purpose: string, sections: readonly string[]): Page {
  const text = [...head({ name, section: number, purpose, version }), ...sections, ""].join("\n");
  return { name, section: number, text };
}

function rootSections(program: CommandUnknownOpts): readonly string[] {
  const list = program.commands.flatMap((made) => term(`matriarch-${made.name()}(1)`, made.description()));
  return [
    ...section("SYNOPSIS", [`${bold("matriarch")} ${italic("command")} [${italic("options")}]`]),
    ...section("DESCRIPTION", [
      ...paragraph(program.description()),
      ...paragraph(
        "Results go to stdout; progress, notes and errors go to stderr. Without a terminal nothing is ever asked. A command that needs the agent starts it.",
      ),
    ]),
    ...section("COMMANDS", list),
    ...section("OPTIONS", optionTerms(program)),
    ...section("ENVIRONMENT", blocks(environment.blocks)),
    ...section("EXIT STATUS", blocks(exitCodes.blocks)),
    ...section("SEE ALSO", [escaped(topics.map(({ name }) => `matriarch-${name}(7)`).join(", "))]),
  ];
}

function ownSections(made: CommandUnknownOpts): readonly string[] {
  return [
    ...section("SYNOPSIS", [synopsis(made)]),
    ...section("DESCRIPTION", descriptionOf(made)),
    ...section("OPTIONS", [...argumentTerms(made), ...optionTerms(made)]),
    ...section("EXAMPLES", examples(made)),
    ...seeAlso,
  ];
}

function nounSections(made: CommandUnknownOpts): readonly string[] {
  return [
    ...section(
      "SYNOPSIS",
      made.commands.flatMap((inner, at) => (at === 0 ? [synopsis(inner)] : [".br", synopsis(inner)])),
    ),
    ...section("DESCRIPTION", descriptionOf(made)),
    ...made.commands.flatMap((inner) =>
      section(`${made.name()} ${inner.name()}`.toUpperCase(), [
        ...descriptionOf(inner),
        ...argumentTerms(inner),
        ...optionTerms(inner),
        ...examples(inner),
      ]),
    ),
    ...seeAlso,
  ];
}

function topicSections({ blocks: of }: Topic): readonly string[] {
  return [...section("DESCRIPTION", blocks(of)), ...seeAlso];
}

const seeAlso = section("SEE ALSO", [
  escaped("matriarch(1) has the options that every command takes, the environment and the exit codes."),
]);

function synopsis(made: CommandUnknownOpts): string {
  const path: string[] = [];
  for (let at: CommandUnknownOpts | null = made; at; at = at.parent) path.unshift(at.name());
  const words = made.registeredArguments.map((argument) => {
    const name = `${italic(argument.name())}${argument.variadic ? "..." : ""}`;
    return argument.required ? name : `[${name}]`;
  });
  const options = made.options.length > 0 ? [`[${italic("options")}]`] : [];
  return [bold(path.join(" ")), ...words, ...options].join(" ");
}

function descriptionOf(made: CommandUnknownOpts): readonly string[] {
  return [...paragraph(made.description()), ...notesOf(made).flatMap((note) => paragraph(oneLine(note)))];
}

function argumentTerms(made: CommandUnknownOpts): readonly string[] {
  return made.registeredArguments.flatMap((argument) =>
    term(argument.name(), withChoices(argument.description, argument.argChoices)),
  );
}

function optionTerms(made: CommandUnknownOpts): readonly string[] {
  return made.options.flatMap(({ flags, description, argChoices, defaultValue }) => {
    const preset: unknown = defaultValue;
    const byDefault = typeof preset === "string" || typeof preset === "number" ? `; default ${preset}` : "";
    return term(flags, `${withChoices(description, argChoices)}${byDefault}`);
  });
}

function withChoices(description: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? description : `${description}: ${choices.join(", ")}`;
}

function examples(made: CommandUnknownOpts): readonly string[] {
  return examplesOf(made).flatMap(({ line, what }) => [
    ...paragraph(`${what.charAt(0).toUpperCase()}${what.slice(1)}:`),
    ...example([line]),
  ]);
}

function oneLine(text: string): string {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join(" ");
}
