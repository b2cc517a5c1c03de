/**
 * The answers that a shell's completion script asks for at each Tab. They come quickly and silently: the agent is asked
 * for names only if it runs, within a short time, and no error is ever shown.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import tab, { type Command as TabCommand, type Complete } from "@bomb.sh/tab";

import type { ClusterStatus } from "../contract/cluster.ts";
import type { Client } from "./client/client.ts";
import { CommandContext } from "./context.ts";

/** An agent on this machine takes a tenth of that, one far away three round trips. */
const namesWithinMs = 1000;

/** `words`: what stands on the command line behind the program's name, the one to complete last. */
export async function answer(program: CommandUnknownOpts, words: readonly string[]): Promise<void> {
  const known = await names(words);
  for (const made of program.commands) declare(made, "", known, words);
  tab.parse([...words]);
}

interface Known {
  readonly clusters: readonly ClusterStatus[];
  /** of the cluster that stands on the line already */
  readonly databases: readonly string[];
  readonly users: readonly string[];
}

function declare(made: CommandUnknownOpts, prefix: string, known: Known, words: readonly string[]): void {
  const path = prefix === "" ? made.name() : `${prefix} ${made.name()}`;
  const declared = tab.command(path, made.description());
  for (const option of made.options) {
    const name = (option.long ?? "").replace(/^--/, "");
    if (name === "") continue;
    if (option.isBoolean()) declared.option(name, option.description);
    else
      declared.option(name, option.description, (complete) =>
        offer(complete, option.argChoices ?? optionNames(name, known, words)),
      );
  }
  declareArguments(made, declared, { ...known, isNew: path === "create" }, words);
  for (const inner of made.commands) declare(inner, path, known, words);
}

function declareArguments(
  made: CommandUnknownOpts,
  declared: TabCommand,
  known: Known & { readonly isNew: boolean },
  words: readonly string[],
): void {
  for (const argument of made.registeredArguments) {
    const name = argument.name();
    declared.argument(name, (complete) => {
      if (argument.argChoices) return offer(complete, argument.argChoices);
      // What is to be made has no name yet.
      if (name === "cluster") return offer(complete, known.isNew ? [] : known.clusters.map((cluster) => cluster.name));
      if (made.name() !== "create") offer(complete, optionNames(name, known, words));
    });
  }
}

/** Of an option, or of an argument. */
function optionNames(
  option: string,
  { clusters, databases, users }: Known,
  words: readonly string[],
): readonly string[] {
  switch (option) {
    case "member":
    case "to":
      return memberNames(clusters, words);
    case "database":
      return databases;
    case "user":
    case "owner":
      return users;
    case "app":
      return onLine(clusters, words).flatMap(({ attachments }) => attachments.map(({ app }) => app));
    default:
      return [];
  }
}

/** Members of the cluster that stands on the line already. */
function memberNames(clusters: readonly ClusterStatus[], words: readonly string[]): readonly string[] {
  return onLine(clusters, words).flatMap((cluster) => cluster.members.map((member) => member.id));
}

function onLine(clusters: readonly ClusterStatus[], words: readonly string[]): readonly ClusterStatus[] {
  return clusters.filter((cluster) => words.includes(cluster.name));
}

function offer(complete: Complete, values: readonly string[]): void {
  for (const value of values) complete(value, "");
}

const nothing: Known = { clusters: [], databases: [], users: [] };

async function names(words: readonly string[]): Promise<Known> {
  const context = new CommandContext({ json: true, yes: false, color: false }, noPrograms);
  const late = new Promise<Known>((resolve) => setTimeout(resolve, namesWithinMs, nothing).unref());
  const found = context.runningClient().then((client) => (client ? namesFrom(client, words) : nothing));
  return Promise.race([found.catch(() => nothing), late]);
}

/** Databases and users are asked of the server itself, so only for a line that can name one. */
async function namesFrom(client: Client, words: readonly string[]): Promise<Known> {
  const clusters = await client.list();
  const [named] = onLine(clusters, words);
  if (!named || !takesNames.has(words[0] ?? "")) return { ...nothing, clusters };
  const [databases, users] = await Promise.all([
    client.databases(named.name).catch(() => []),
    client.users(named.name).catch(() => []),
  ]);
  return { clusters, databases: databases.map(({ name }) => name), users: users.map(({ name }) => name) };
}

const takesNames: ReadonlySet<string> = new Set(["attach", "connect", "uri", "database", "user"]);

/** Completing starts nothing. */
const noPrograms = { agentScript: "", hostSetup: () => Promise.reject(new Error("not while completing")) };
