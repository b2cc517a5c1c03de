/** Commander's complaints in the words of all other errors. */
import type { CommanderError } from "@commander-js/extra-typings";

import { OpError } from "../errors/op-error.ts";

/** `error: unknown command 'statsu'\n(Did you mean status?)` becomes a message and a hint. */
export function usageError(error: CommanderError, commandName: string | undefined): OpError {
  const [first = "", ...rest] = error.message.split("\n");
  const suggestion = /Did you mean (?:one of )?(.*)\?\)?$/.exec(rest.join(" "))?.[1];
  const message = first
    .replace(/^error: /, "")
    .replace(/\.$/, "")
    .replaceAll("'", '"');
  const [head = message, detail] = message.split(/\. (?=It |Allowed |Write )/);
  return new OpError("usage", {
    message: error.code === "commander.help" ? "a command is missing" : head,
    ...(detail === undefined ? {} : { detail: `${detail}.` }),
    hint:
      suggestion === undefined
        ? `Try "matriarch help${commandName === undefined ? "" : ` ${commandName}`}".`
        : `Did you mean ${quoted(suggestion)}?`,
  });
}

function quoted(names: string): string {
  return names
    .split(", ")
    .map((name) => `"${name}"`)
    .join(" or ");
}
