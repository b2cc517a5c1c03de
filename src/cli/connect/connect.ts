/**
 * `connect`: becomes psql when there is one, else runs the small prompt or script of its own. With --json it is always
 * our own, because psql has no such output.
 */
import { text as readStream } from "node:stream/consumers";

import { readHostConfig } from "../../config/host-config.ts";
import { OpError } from "../../errors/op-error.ts";
import type { CommandContext } from "../context.ts";
import { becomePsql, findPsql } from "./psql.ts";
import { chooseTarget } from "./target.ts";

export interface ConnectWanted {
  readonly cluster: string;
  readonly role: "primary" | "read" | "pooled";
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** of -c, one after the other */
  readonly commands: readonly string[];
  /** what stood after `--` */
  readonly psqlArguments: readonly string[];
}

/** Sets the exit code; does not return when it becomes psql. */
export async function connectTo(context: CommandContext, wanted: ConnectWanted): Promise<void> {
  const hasCommands = wanted.commands.length > 0;
  const isScript = !hasCommands && !process.stdin.isTTY;
  if (context.flags.json && !hasCommands && !isScript) {
    throw new OpError("usage", { message: "a prompt has no JSON output", hint: "Give the SQL with -c or on stdin." });
  }
  const isHere = (await context.remote()) === undefined;
  const ownHost = readHostConfig(context.home)?.name;
  const target = await chooseTarget(await context.client(), { ...wanted, isHere, ownHost });
  const psql = context.flags.json ? undefined : findPsql();
  if (psql !== undefined) becomePsql(psql, target, { ...wanted, isScript });
  if (wanted.psqlArguments.length > 0) {
    throw new OpError("not-supported", {
      message: context.flags.json
        ? "psql has no JSON output"
        : "psql is not installed, so there is nothing to hand arguments to",
      hint: "Leave out what follows --, or install it: apt-get install postgresql-client",
    });
  }
  if (hasCommands || isScript) {
    const { runScript } = await import("./script.ts");
    const script = hasCommands ? { commands: wanted.commands } : { script: await readStream(process.stdin) };
    process.exitCode = await runScript(context, target, script);
    return;
  }
  const { runPrompt } = await import("./prompt.ts");
  process.exitCode = await runPrompt(context, target);
}
