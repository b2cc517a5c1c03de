/**
 * The answers that a shell's completion script asks for at each Tab. They come quickly and silently: the agent is asked
 * for names only if it runs, within a short time, and no error is ever shown.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import tab, { type Command as TabCommand, type Complete } from "@bomb.sh/tab";

import type { ClusterStatus } from "../contract/cluster.ts";
import { CommandContext } from "./context.ts";

/** An agent on this machine takes a tenth of that, one far away three round trips. */
const namesWithinMs = 1000;

/** `words`: what stands on the command line behind the program's name, the one to complete last. */
export async function answer(program: CommandUnknownOpts, words: readonly string[]): Promise<void> {
  const clusters = await names();
  for (const made of program.commands) declare(made, "", clusters, words);
  tab.parse([...words]);
}

function declare(
  made: CommandUnknownOpts,
  prefix: string,
  clusters: readonly ClusterStatus[],
  words: readonly string[],
): void {
  const path = prefix === "" ? made.name() : `${prefix} ${made.name()}`;
  const declared = tab.command(path, made.description());
  for (const option of made.options) {
    const name = (option.long ?? "").replace(/^--/, "");
    if (name === "") continue;
    if (option.isBoolean()) declared.option(name, option.description);
    else
      declared.option(name, option.description, (complete) =>
        offer(complete, option.argChoices ?? optionNames(name, clusters, words)),
      );
  }
  declareArguments(made, declared, clusters, words);
  for (const inner of made.commands) declare(inner, path, clusters, words);
}

function declareArguments(
  made: CommandUnknownOpts,
  declared: TabCommand,
  clusters: readonly ClusterStatus[],
  words: readonly string[],
): void {
  const isNew = made.name() === "create";
  for (const argument of made.registeredArguments) {
    const name = argument.name();
    declared.argument(name, (complete) => {
      if (argument.argChoices) return offer(complete, argument.argChoices);
      if (name === "cluster" && !isNew)
        return offer(
          complete,
          clusters.map((cluster) => cluster.name),
        );
      if (name === "member") offer(complete, memberNames(clusters, words));
    });
  }
}

function optionNames(option: string, clusters: readonly ClusterStatus[], words: readonly string[]): readonly string[] {
  return option === "member" || option === "to" ? memberNames(clusters, words) : [];
}

/** Members of the cluster that stands on the line already. */
function memberNames(clusters: readonly ClusterStatus[], words: readonly string[]): readonly string[] {
  const named = clusters.filter((cluster) => words.includes(cluster.name));
  return named.flatMap((cluster) => cluster.members.map((member) => member.id));
}

function offer(complete: Complete, values: readonly string[]): void {
  for (const value of values) complete(value, "");
}

async function names(): Promise<readonly ClusterStatus[]> {
  const context = new CommandContext({ json: true, yes: false, color: false }, noPrograms);
  const late = new Promise<readonly ClusterStatus[]>((resolve) => setTimeout(resolve, namesWithinMs, []).unref());
  const found = context.runningClient().then((client) => client?.list() ?? []);
  return Promise.race([found.catch(() => []), late]);
}

/** Completing starts nothing. */
const noPrograms = { agentScript: "", hostSetup: () => Promise.reject(new Error("not while completing")) };
