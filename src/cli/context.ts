/**
 * What a command's handler has at hand: the flags that every command takes, the agent's client, progress and questions.
 * Made once per run by main.ts. What it offers is loaded when it is first used, so that help stays quick.
 */
import { userInfo } from "node:os";
import { join } from "node:path";

import { resolveHome } from "../config/home.ts";
import { version } from "../config/version.ts";
import type { HostSetup } from "../contract/host.ts";
import { OpError } from "../errors/op-error.ts";
import type { Client } from "./client/client.ts";
import type { Remote } from "./client/remote-agent.ts";
import type { Destination } from "./client/transport.ts";
import { createPaint, noPaint, type Paint } from "./output/paint.ts";
import { createProgress, type Progress } from "./output/progress.ts";

export interface Flags {
  /** one JSON document on stdout */
  readonly json: boolean;
  /** yes to every question */
  readonly yes: boolean;
  readonly color: boolean;
  /** addresses of agents on other machines, by --host */
  readonly hosts?: readonly string[];
  /** by --context */
  readonly context?: string | undefined;
}

/** What a handler gives back: the data, and how a person reads it. */
export interface Outcome {
  readonly json: unknown;
  readonly text: (paint: Paint) => string;
  readonly exitCode?: 0 | 1 | 3 | 5;
}

/** What the command line is given by its entry, because it may not reach there itself. */
export interface Programs {
  readonly agentScript: string;
  readonly hostSetup: () => Promise<HostSetup>;
  /** of all events that there can be */
  readonly eventTypes: () => Promise<readonly string[]>;
}

export class CommandContext {
  readonly flags: Flags;
  readonly home: string;
  /** script of the agent, run by the same Node */
  readonly agentScript: string;
  /** what makes and joins hosts on this machine */
  readonly hostSetup: () => Promise<HostSetup>;
  #toldVersion = false;
  #destination: Promise<Destination> | undefined;

  constructor(flags: Flags, programs: Programs) {
    this.flags = flags;
    this.home = resolveHome();
    this.agentScript = programs.agentScript;
    this.hostSetup = programs.hostSetup;
  }

  get socket(): string {
    return join(this.home, "agent.sock");
  }

  /** Whether a person can be asked: stdin and the stream that questions are written to are terminals. */
  get canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY && !this.flags.json;
  }

  /**
   * The agent: of this machine, started if none answers, or on another one.
   * @throws OpError agent-start-failed, home-unwritable, agent-unreachable
   */
  async client(): Promise<Client> {
    const to = await this.#to();
    if (to.kind === "socket") {
      const { ensureAgent } = await import("./client/start-agent.ts");
      await ensureAgent({ script: this.agentScript, home: this.home }, () => this.note("starting the agent"));
      await this.#waitWhileFrozen((pid) => this.note(`the agent (process ${pid}) is stopped; waiting for it to go on`));
    }
    return this.#clientOf(to);
  }

  /** The agent if it runs, else undefined; never starts one. @throws OpError agent-unreachable */
  async runningClient(): Promise<Client | undefined> {
    const to = await this.#to();
    if (to.kind === "remote") return this.#clientOf(to);
    const { agentAnswers } = await import("./client/start-agent.ts");
    if (!(await agentAnswers(to.path))) return undefined;
    await this.#waitWhileFrozen(() => undefined);
    return this.#clientOf(to);
  }

  /** For who goes on watching: an agent that somebody ended is waited for and not started. @throws OpError agent-unreachable */
  async clientAgain(): Promise<Client> {
    const client = await this.runningClient();
    if (client) return client;
    throw new OpError("agent-unreachable", {
      message: "the agent does not run",
      hint: "Start it: matriarch agent start",
    });
  }

  /** The installation on other machines that this command talks to; undefined for this machine's own agent. */
  async remote(): Promise<Remote | undefined> {
    const to = await this.#to();
    return to.kind === "remote" ? to.agent.remote : undefined;
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

  /** @throws OpError not-confirmed unless the person says yes, or gave `flag` or --yes */
  async agree(plan: string, question: string, flag: string): Promise<void> {
    if (this.flags.yes) return;
    if (!this.canAsk)
      throw new OpError("not-confirmed", {
        message: "this needs a yes, and nobody can be asked",
        detail: plan,
        hint: `Give ${flag} to do it.`,
      });
    const { askForYes } = await import("./ask.ts");
    await askForYes(plan, question);
  }

  /**
   * Asks for something that the agent does only when it is told that it was confirmed: by --yes, or by a person who types
   * `name` once the agent has said what it comes to. @throws OpError not-confirmed
   */
  async confirmed<T>(name: string, ask: (isConfirmed: boolean) => Promise<T>): Promise<T> {
    try {
      return await ask(this.flags.yes);
    } catch (error) {
      if (!(error instanceof OpError && error.code === "not-confirmed" && this.canAsk)) throw error;
      await this.confirm([error.message, error.detail ?? ""].join("\n"), name);
      return ask(true);
    }
  }

  /** Found once: what is found out about hosts that do not answer holds for the whole command. */
  #to(): Promise<Destination> {
    this.#destination ??= this.#findDestination();
    return this.#destination;
  }

  async #waitWhileFrozen(onWait: (pid: number) => void): Promise<void> {
    const { waitWhileFrozen } = await import("./client/frozen-agent.ts");
    await waitWhileFrozen(this.home, onWait);
  }

  async #findDestination(): Promise<Destination> {
    const { chooseRemote } = await import("./remote.ts");
    const remote = chooseRemote({ hosts: this.flags.hosts ?? [], context: this.flags.context }, this.home);
    if (remote === undefined) return { kind: "socket", path: this.socket };
    const { RemoteAgent } = await import("./client/remote-agent.ts");
    return { kind: "remote", agent: new RemoteAgent(remote) };
  }

  async #clientOf(to: Destination): Promise<Client> {
    const { createClient } = await import("./client/client.ts");
    const sawVersion = (seen: string) => {
      if (seen === version || this.#toldVersion) return;
      this.#toldVersion = true;
      const how = to.kind === "socket" ? '; "matriarch agent stop" lets the next command start the new one' : "";
      this.note(`The agent is version ${seen}, this command ${version}${how}.`);
    };
    return createClient({ to, user: userName(), sawVersion });
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
