/**
 * One host of the laboratory: a namespace of the network, a directory of its own, and what can be done to the whole of
 * it at once. Knows nothing of what runs on it. Used by the stories of faults and by the bench beside the peers.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { signalAll } from "../../faults/processes.ts";
import { until } from "../../faults/until.ts";
import type { Network } from "./network.ts";
import { tryTool, type Ran, type RunOptions } from "./shell.ts";
import { commandOf, enter, killAllIn, pidsIn } from "./spaces.ts";
import { isStopped } from "./stopped.ts";

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** file in the host's directory that gets what it prints */
  readonly log: string;
}

export class Machine {
  readonly name: string;
  readonly directory: string;
  readonly network: Network;
  readonly #space: string;

  constructor(network: Network, name: string, directory: string) {
    this.network = network;
    this.name = name;
    this.directory = directory;
    this.#space = network.space(name);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  }

  get address(): string {
    return this.network.address(this.name);
  }

  /** Prefix of a command that is to run on this host. */
  get inside(): readonly string[] {
    return enter(this.#space);
  }

  /** Runs a command to its end. Never throws for its exit code. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return tryTool([...this.inside, ...command], { cwd: this.directory, ...options });
  }

  /** Starts what is to stay, as a service manager would: not a child of the test, with a log. */
  start(command: readonly string[], { env, log }: StartOptions): number {
    const [file = "", ...args] = [...this.inside, ...command];
    const output = openSync(join(this.directory, log), "a");
    const child = spawn(file, args, {
      cwd: this.directory,
      detached: true,
      stdio: ["ignore", output, output],
      ...(env === undefined ? {} : { env }),
    });
    closeSync(output);
    child.unref();
    if (child.pid === undefined) throw new Error(`${command.join(" ")} did not start`);
    return child.pid;
  }

  pids(): readonly number[] {
    return pidsIn(this.#space);
  }

  /** Processes whose command line matches. */
  find(pattern: RegExp): readonly number[] {
    return this.pids().filter((pid) => pattern.test(commandOf(pid)));
  }

  /** kill -9 of everything, as if the power had gone; the network knows at once that nobody is there. */
  kill(): Promise<void> {
    return killAllIn(this.#space);
  }

  /** Everything stands still, as when a machine is paused or migrated: also what was being started meanwhile. */
  async freeze(): Promise<void> {
    await until(`everything on ${this.name} to stand still`, () => {
      const moving = this.pids().filter((pid) => !isStopped(pid));
      signalAll(moving, "SIGSTOP");
      return moving.length === 0 ? true : undefined;
    });
  }

  thaw(): void {
    signalAll(this.pids(), "SIGCONT");
  }

  /** Packets from it and to it vanish; its own processes go on. */
  async vanish(): Promise<void> {
    const others = this.network.names.filter((name) => name !== this.name);
    await this.network.cut({ from: [this.name], to: others }, { from: others, to: [this.name] });
  }
}
