/**
 * Every command of the program with words that fit it, found in its declarations, so that a new command is tried without
 * being named anywhere. For tests only.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { leavesOf } from "../../scripts/cli-page.ts";
import { createProgram } from "../../src/cli/program.ts";

export interface Leaf {
  /** `user drop` */
  readonly path: string;
  readonly command: CommandUnknownOpts;
}

export function allLeaves(): readonly Leaf[] {
  return createProgram(async () => {})
    .commands.flatMap((made) => leavesOf(made, ""))
    .map(({ command, path }) => ({ command, path: path.trim() }));
}

export function takesCluster({ command }: Leaf): boolean {
  return command.registeredArguments.some((argument) => argument.name() === "cluster" && argument.required);
}

/** Something good for each kind of word, by what help calls it. */
export const good: Readonly<Record<string, string>> = {
  "cluster": "shop",
  "member": "shop-2",
  "database": "stock",
  "user": "clerk",
  "app": "web",
  "extension": "pg_trgm",
  "host": "nowhere",
  "id": "nothing",
  "size": "64MB",
  "count": "3",
  "duration": "1m",
  "port": "29999",
  "local-port": "29998",
  "major": "18",
  "name": "work_mem",
  "name=value": "work_mem=5MB",
  "snapshot": "nothing",
  "backup": "nothing",
  "place": "/nonexistent/backups",
  "days": "7d",
  "hours": "24h",
  "number": "1",
  "date": new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10),
  "subject": "status",
  "page": "status",
  "version": "18.0",
};

/** Kinds of words that are names of something, and so free text. */
export const names: ReadonlySet<string> = new Set([
  "cluster",
  "member",
  "database",
  "user",
  "app",
  "extension",
  "host",
  "id",
  "name",
  "name=value",
  "region",
  "zone",
  "type",
  "schema",
  "snapshot",
  "backup",
  "place",
  "version",
  "label",
  "page",
  "subject",
  "operation",
]);

/** What a flag or an argument takes: its name in help. @returns undefined for a flag without a value */
export function kindOf(option: CommandUnknownOpts["options"][number]): string | undefined {
  return /[<[]([^>\].]+)/.exec(option.flags)?.[1];
}

/** The command with all that it must have. @param instead other words, by kind or by flag */
export function words({ command, path }: Leaf, instead: Readonly<Record<string, string>> = {}): readonly string[] {
  const required = command.registeredArguments.filter(({ required: must }) => must);
  const given = required.map(
    (argument) => instead[argument.name()] ?? argument.argChoices?.[0] ?? wordFor(argument.name()),
  );
  const flags = command.options
    .filter((option) => option.mandatory && instead[option.long ?? ""] === undefined)
    .flatMap((option) => {
      const kind = kindOf(option) ?? "";
      return [option.long ?? "", instead[kind] ?? option.argChoices?.[0] ?? wordFor(kind)];
    });
  const others = Object.entries(instead).filter(([name]) => name.startsWith("--"));
  // With the sign, so that a value that begins with a dash is one.
  return [...path.split(" "), ...flags, ...others.map(([name, value]) => `${name}=${value}`), "--yes", "--", ...given];
}

function wordFor(kind: string): string {
  return good[kind] ?? "x";
}
