/** A small SQL prompt for machines without psql: statements of several lines, Ctrl-C, and little else. */
import { createInterface, type Interface } from "node:readline/promises";

import type { CommandContext } from "../context.ts";
import { renderResult, renderSqlError } from "./render.ts";
import { openSession, type Session } from "./session.ts";
import { splitStatements } from "./statements.ts";
import type { Target } from "./target.ts";

const help = `This is a small prompt; install psql for more (apt-get install postgresql-client).
  SQL;        runs when it ends with a semicolon, also over several lines
  \\q          quits, as Ctrl-D does
  \\conninfo   tells where you are connected
  Ctrl-C      forgets what was typed, or cancels the statement that runs`;

/** @returns 0 when the person leaves, 2 when there is no connection or it is lost */
export async function runPrompt(context: CommandContext, target: Target): Promise<0 | 2> {
  let session: Session;
  try {
    const { askForPassword } = await import("../ask.ts");
    session = await openSession(
      target,
      (text) => process.stderr.write(`${text}\n`),
      () => askForPassword(target.user),
    );
  } catch (error) {
    process.stderr.write(
      `connection to ${target.name} failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return 2;
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout, historySize: 500 });
  const prompt = new Prompt(context, target, session, lines);
  try {
    return await prompt.run();
  } finally {
    lines.close();
    await session.end().catch(() => {});
  }
}

class Prompt {
  readonly #context: CommandContext;
  readonly #target: Target;
  readonly #session: Session;
  readonly #lines: Interface;
  #typed = "";
  #isRunning = false;
  #isLost = false;

  constructor(context: CommandContext, target: Target, session: Session, lines: Interface) {
    this.#context = context;
    this.#target = target;
    this.#session = session;
    this.#lines = lines;
  }

  async run(): Promise<0 | 2> {
    process.stdout.write(`Connected to ${this.#target.name} as ${this.#target.user}. \\? for help, \\q to quit.\n`);
    this.#session.onLost((error) => {
      this.#isLost = true;
      process.stderr.write(`\nconnection lost: ${error.message}\n`);
      this.#lines.close();
    });
    this.#lines.on("SIGINT", () => void this.#interrupt());
    this.#showPrompt();
    // Lines that arrive while a statement runs wait in the iterator.
    for await (const line of this.#lines) {
      if (/^\s*\\(q|\?|conninfo)\s*$/.test(line) || (this.#typed === "" && /^\s*\\/.test(line))) {
        if (/^\s*\\q\b/.test(line)) break;
        process.stdout.write(`${this.#answerBackslash(line.trim())}\n`);
      } else {
        await this.#take(line);
      }
      if (this.#isLost) break;
      this.#showPrompt();
    }
    return this.#isLost ? 2 : 0;
  }

  #showPrompt(): void {
    const state = { no: "", open: "*", failed: "!" }[this.#session.inTransaction];
    this.#lines.setPrompt(`${this.#target.database}${this.#typed === "" ? "=" : "-"}${state}# `);
    this.#lines.prompt();
  }

  #answerBackslash(line: string): string {
    const { name, host, port, user, database } = this.#target;
    if (line === "\\?") return help;
    if (line === "\\conninfo") return `database "${database}" as user "${user}" on ${name} (${host}, port ${port})`;
    return `unknown: ${line.split(" ")[0]}. \\? tells what there is.`;
  }

  async #take(line: string): Promise<void> {
    const { statements, rest } = splitStatements(`${this.#typed}${line}\n`);
    this.#typed = rest;
    for (const sql of statements) {
      if (this.#isLost) return;
      await this.#runOne(sql);
    }
  }

  async #runOne(sql: string): Promise<void> {
    this.#isRunning = true;
    try {
      for (const result of await this.#session.query(sql)) process.stdout.write(`${renderResult(result)}\n`);
    } catch (error) {
      process.stderr.write(`${renderSqlError(error, sql)}\n`);
    } finally {
      this.#isRunning = false;
    }
  }

  async #interrupt(): Promise<void> {
    if (!this.#isRunning) {
      this.#typed = "";
      process.stdout.write("\n");
      this.#lines.write("", { ctrl: true, name: "e" });
      this.#lines.write("", { ctrl: true, name: "u" });
      this.#showPrompt();
      return;
    }
    try {
      const other = await openSession(this.#target, () => {});
      await other.query(`select pg_catalog.pg_cancel_backend(${this.#session.processId})`);
      await other.end();
    } catch {
      this.#context.note("the statement could not be cancelled");
    }
  }
}
