/** Commander's complaints in the words of all other errors. */
import type { CommanderError } from "@commander-js/extra-typings";

import { OpError } from "../errors/op-error.ts";

/** Options that people look for where something is done without them. */
const needless: readonly (readonly [command: string, option: RegExp, hint: string])[] = [
  [
    "destroy",
    /^unknown option "--(keep|snapshots|no-(backups|snapshots)|without-backups)/,
    "Snapshots are kept for their time and backups until you delete them, without being asked: matriarch destroy CLUSTER --dry-run tells for how long. For longer, first: matriarch snapshot set CLUSTER --keep-days 60",
  ],
];

/** `error: unknown command 'statsu'\n(Did you mean status?)` becomes a message and a hint. */
export function usageError(error: CommanderError, commandName: string | undefined): OpError {
  const [first = "", ...rest] = error.message.split("\n");
  const suggestion = /Did you mean (?:one of )?(.*)\?\)?$/.exec(rest.join(" "))?.[1];
  const message = first
    .replace(/^error: /, "")
    .replace(/\.$/, "")
    .replaceAll("'", '"');
  const [head = message, detail] = message.split(/\. (?=It |Allowed |Write )/);
  const known = needless.find(([command, option]) => command === commandName && option.test(head));
  return new OpError("usage", {
    message: error.code === "commander.help" ? "a command is missing" : head,
    ...(detail === undefined ? {} : { detail: `${detail}.` }),
    hint: known?.[2] ?? hintOf(suggestion, commandName),
  });
}

function hintOf(suggestion: string | undefined, commandName: string | undefined): string {
  if (suggestion !== undefined) return `Did you mean ${quoted(suggestion)}?`;
  return `Try "matriarch help${commandName === undefined ? "" : ` ${commandName}`}".`;
}

function quoted(names: string): string {
  return names
    .split(", ")
    .map((name) => `"${name}"`)
    .join(" or ");
}
