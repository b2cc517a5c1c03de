/**
 * What stands at the end of an unfinished command line, found by walking the tree of commands as the parser would. Called
 * by answer.ts at each Tab. Pure.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

type OptionOf = CommandUnknownOpts["options"][number];
type ArgumentOf = CommandUnknownOpts["registeredArguments"][number];

/** What can come next. */
export type Wanted =
  | { readonly kind: "nothing" }
  /** `orElse`: of the one that runs when no command is named, as in `import shop` */
  | {
      readonly kind: "command";
      readonly of: CommandUnknownOpts;
      readonly isHelp: boolean;
      readonly orElse: ArgumentWanted | undefined;
    }
  | { readonly kind: "flag"; readonly of: readonly OptionOf[] }
  | ArgumentWanted;

/** `name`: what its help calls it, for example "member" */
export interface ArgumentWanted {
  readonly kind: "value";
  readonly name: string;
  readonly choices: readonly string[];
  readonly isNew: boolean;
}

export interface Position {
  readonly wanted: Wanted;
  /** what is typed of it already */
  readonly typed: string;
  /** `user drop` */
  readonly path: string;
  /** what stands on the line already, by what help calls it; the last of several */
  readonly values: ReadonlyMap<string, string>;
  /** every --host on the line */
  readonly hosts: readonly string[];
  readonly context: string | undefined;
}

/** @param words behind the program's name, the unfinished one last */
export function positionOf(program: CommandUnknownOpts, words: readonly string[]): Position {
  const typed = words.at(-1) ?? "";
  const walk = new Walk(program);
  for (const word of words.slice(0, -1)) walk.step(word);
  const [flag, value] = splitFlag(typed);
  const given = value === undefined ? undefined : walk.flagNamed(flag);
  const wanted = given ? walk.valueOf(given) : walk.next(typed);
  return { wanted, typed: given ? (value ?? "") : typed, ...walk.line };
}

class Walk {
  #command: CommandUnknownOpts;
  readonly #parents: CommandUnknownOpts[] = [];
  readonly #values = new Map<string, string>();
  readonly #used = new Set<OptionOf>();
  readonly #hosts: string[] = [];
  #open: OptionOf | undefined;
  #arguments = 0;
  #isHelp = false;
  #isLiteral = false;
  #isLost = false;

  constructor(program: CommandUnknownOpts) {
    this.#command = program;
  }

  get line(): Pick<Position, "path" | "values" | "hosts" | "context"> {
    const names = [...this.#parents.slice(1), this.#command].map((made) => made.name());
    const context = this.#values.get("--context");
    return { path: names.join(" "), values: this.#values, hosts: this.#hosts, context };
  }

  step(word: string): void {
    if (this.#open) return this.#give(this.#open, word);
    if (word === "--" && !this.#isLiteral) return void (this.#isLiteral = true);
    if (word.startsWith("-") && word !== "-" && !this.#isLiteral) return this.#flag(word);
    if (this.#command.commands.length > 0) return this.#descend(word);
    const argument = this.#argument;
    if (argument) this.#values.set(argument.name(), word);
    this.#arguments += 1;
  }

  next(typed: string): Wanted {
    if (this.#isLost) return { kind: "nothing" };
    if (this.#open) return this.valueOf(this.#open);
    if (typed.startsWith("-") && !this.#isLiteral) return this.#flags();
    if (this.#command.commands.length > 0)
      return { kind: "command", of: this.#command, isHelp: this.#isHelp, orElse: this.#orElse };
    if (this.#isHelp) return { kind: "nothing" };
    const argument = this.#argument;
    if (argument === undefined) return typed === "" ? this.#flags() : { kind: "nothing" };
    const isLast = this.#command.registeredArguments.at(-1) === argument;
    // What is to be made has no name yet.
    const isNew = isLast && this.#command.name() === "create";
    return { kind: "value", name: argument.name(), choices: argument.argChoices ?? [], isNew };
  }

  get #orElse(): ArgumentWanted | undefined {
    const first = this.#isHelp ? undefined : defaultOf(this.#command)?.registeredArguments[0];
    return first && { kind: "value", name: first.name(), choices: first.argChoices ?? [], isNew: false };
  }

  valueOf(option: OptionOf): Wanted {
    const isNew = this.#command.name() === "create" && option.long === "--name";
    return { kind: "value", name: nameOf(option), choices: option.argChoices ?? [], isNew };
  }

  flagNamed(name: string): OptionOf | undefined {
    return this.#options.find(({ long, short }) => long === name || short === name);
  }

  get #options(): readonly OptionOf[] {
    return [this.#command, ...this.#parents].flatMap((made) => made.options);
  }

  get #argument(): ArgumentOf | undefined {
    const known = this.#command.registeredArguments;
    const last = known.at(-1);
    return known[this.#arguments] ?? (last?.variadic === true ? last : undefined);
  }

  #flags(): Wanted {
    if (this.#isHelp) return { kind: "nothing" };
    // Those of the command itself first; one that may come again is offered again.
    const of = this.#options.filter((option) => !this.#used.has(option) || option.parseArg !== undefined);
    return { kind: "flag", of: of.filter(({ hidden, long }) => !hidden && long !== undefined) };
  }

  #flag(word: string): void {
    const [name, value] = splitFlag(word);
    const option = this.flagNamed(name);
    if (!option) return;
    this.#used.add(option);
    if (value !== undefined) this.#give(option, value);
    else if (option.required || option.optional) this.#open = option;
  }

  #give(option: OptionOf, value: string): void {
    this.#open = undefined;
    if (option.long === "--host") this.#hosts.push(value);
    this.#values.set(option.long === "--context" ? "--context" : nameOf(option), value);
  }

  #descend(word: string): void {
    if (word === "help") return void (this.#isHelp = true);
    const found = this.#command.commands.find((made) => made.name() === word || made.aliases().includes(word));
    const next = found ?? (this.#isHelp ? undefined : defaultOf(this.#command));
    if (!next) return void (this.#isLost = true);
    this.#parents.push(this.#command);
    this.#command = next;
    if (!found) this.step(word);
  }
}

/** As the parser keeps it; commander has no other way to ask. */
function defaultOf(made: CommandUnknownOpts): CommandUnknownOpts | undefined {
  const name: unknown = Reflect.get(made, "_defaultCommandName");
  return made.commands.find((inner) => inner.name() === name);
}

/** `--to <member>` is a member. */
function nameOf({ flags, long }: OptionOf): string {
  if (long === "--context") return "context";
  return /[<[]([^>\].]+)/.exec(flags)?.[1] ?? "";
}

/** `--member=shop-1` */
function splitFlag(word: string): readonly [flag: string, value: string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
