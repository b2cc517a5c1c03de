/**
 * What a command's handler has at hand: the flags that every command takes, the agent's client, progress and questions.
 * Made once per run by main.ts. What it offers is loaded when it is first used, so that help stays quick.
 */
import { userInfo } from "node:os";
import { join } from "node:path";

import { resolveHome } from "../config/home.ts";
import { version } from "../config/version.ts";
import { OpError } from "../errors/op-error.ts";
import type { Client } from "./client/client.ts";
import { createPaint, noPaint, type Paint } from "./output/paint.ts";
import { createProgress, type Progress } from "./output/progress.ts";

export interface Flags {
  /** one JSON document on stdout */
  readonly json: boolean;
  /** yes to every question */
  readonly yes: boolean;
  readonly color: boolean;
}

/** What a handler gives back: the data, and how a person reads it. */
export interface Outcome {
  readonly json: unknown;
  readonly text: (paint: Paint) => string;
  readonly exitCode?: 0 | 1 | 3 | 5;
}

export class CommandContext {
  readonly flags: Flags;
  readonly home: string;
  readonly #agentScript: string;
  #toldVersion = false;

  constructor(flags: Flags, agentScript: string) {
    this.flags = flags;
    this.home = resolveHome();
    this.#agentScript = agentScript;
  }

  get socket(): string {
    return join(this.home, "agent.sock");
  }

  /** Whether a person can be asked: stdin and the stream that questions are written to are terminals. */
  get canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY && !this.flags.json;
  }

  /** The agent, started if none answers. @throws OpError agent-start-failed, home-unwritable, agent-unreachable */
  async client(): Promise<Client> {
    const [{ createClient }, { ensureAgent }] = await Promise.all([
      import("./client/client.ts"),
      import("./client/start-agent.ts"),
    ]);
    const program = { script: this.#agentScript, home: this.home };
    await ensureAgent(program, () => this.note("starting the agent"));
    return createClient(this.#transport());
  }

  /** The agent if it runs, else undefined; never starts one. */
  async runningClient(): Promise<Client | undefined> {
    const [{ createClient }, { agentAnswers }] = await Promise.all([
      import("./client/client.ts"),
      import("./client/start-agent.ts"),
    ]);
    return (await agentAnswers(this.socket)) ? createClient(this.#transport()) : undefined;
  }

  /** A line for the person, beside the result. */
  note(text: string): void {
    process.stderr.write(`${this.paintFor(process.stderr)("dim", text)}\n`);
  }

  paintFor(stream: NodeJS.WriteStream): Paint {
    return this.flags.color ? createPaint(stream, true) : noPaint;
  }

  progress(): Progress {
    return createProgress(process.stderr, this.paintFor(process.stderr));
  }

  /** Writes a document of a stream of them: one line each. */
  writeLine(document: unknown, text: (paint: Paint) => string): void {
    const line = this.flags.json ? JSON.stringify(document) : text(this.paintFor(process.stdout));
    process.stdout.write(`${line}\n`);
  }

  /** @throws OpError not-confirmed unless the person types `name`, or gave --yes */
  async confirm(plan: string, name: string): Promise<void> {
    if (this.flags.yes) return;
    if (!this.canAsk) {
      throw new OpError("not-confirmed", {
        message: "this needs a confirmation, and nobody can be asked",
        detail: plan,
        hint: "Give --yes to do it.",
      });
    }
    const { askForName } = await import("./ask.ts");
    await askForName(plan, name);
  }

  #transport() {
    const sawVersion = (seen: string) => {
      if (seen === version || this.#toldVersion) return;
      this.#toldVersion = true;
      this.note(
        `The agent is version ${seen}, this command ${version}; "matriarch agent stop" lets the next command start the new one.`,
      );
    };
    return { socket: this.socket, user: userName(), sawVersion };
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // an id without an entry in the system's list of users
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
