/**
 * A process of this host that there is always one of: adopted or started, replaced when it is of another version, dies
 * or falls silent, and told again what it has to know. Called by the drivers of router, guard and relay, each of which
 * says in its `Trade` what is special about it. It never ends one unasked that works.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import type { KeptLink } from "./control-link.ts";
import type { Restart, Restarts } from "./port.ts";
import { startProgram, type Program, type ProgramName } from "./program.ts";
import { endWhenSilent, type Patience } from "./watch.ts";

const stopMs = 3000;
const lookMs = 10;
const backoffMsFirst = 50;
const failureToldAtMs = 2 * backoffMsFirst;
const backoffMsMax = 2000;

export interface Trade<Link extends KeptLink> extends ProgramName {
  readonly program: Program;
  readonly patience: Patience;
  /** @returns undefined when none runs */
  open(): Promise<Link | undefined>;
  /** Of a program that is not ours: how it is started. Returns once it can be opened. @throws OpError */
  start?(): Promise<void>;
  /** One of another version runs; the new one is started when this returns. */
  takeOver(running: Link): Promise<void>;
  /** Tells a restarted one all that it has to know. */
  brief(link: Link): Promise<void>;
  /** Asks it to end, and does not wait for it. */
  askToEnd(link: Link): Promise<unknown>;
}

export class KeptProcess<Link extends KeptLink> implements Restarts {
  readonly #trade: Trade<Link>;
  #link: Promise<Link> | undefined;
  #pid: number | undefined;
  readonly #listeners: ((restart: Restart) => void)[] = [];
  readonly #failureListeners: ((error: unknown) => void)[] = [];
  /** the one that was ended because it had fallen silent */
  #silentPid: number | undefined;
  #closed = false;

  constructor(trade: Trade<Link>) {
    this.#trade = trade;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    if (this.#link) {
      await this.#link;
      return "adopted";
    }
    const running = await this.#trade.open();
    if (running?.version === this.#trade.program.version) {
      await this.#use(Promise.resolve(running));
      return "adopted";
    }
    if (running) await this.#trade.takeOver(running);
    await this.#use(this.#start());
    return running ? "replaced" : "started";
  }

  /** Waits while one is being started. @throws OpError */
  current(): Promise<Link> {
    const { name, unreachable } = this.#trade;
    return this.#link ?? Promise.reject(new OpError(unreachable, { message: `there is no ${name} yet` }));
  }

  /** One that dies meanwhile is told again, when it is back; it has been told once by then, which does no harm. */
  async tell(say: (link: Link) => Promise<unknown>): Promise<void> {
    const link = await this.current();
    try {
      await say(link);
    } catch (error) {
      if (!link.isClosed || this.#closed) throw error;
      await say(await this.current());
    }
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#listeners.push(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#failureListeners.push(listener);
  }

  /** Lets go of it; it keeps running. */
  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    link?.close();
    this.#link = undefined;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    if (link) await this.end(link);
    this.#link = undefined;
    this.#pid = undefined;
  }

  /** Asked to end, and ended if it does not. */
  async end(link: Link): Promise<void> {
    const closed = new Promise<boolean>((resolve) => link.onClose(() => resolve(true)));
    await this.#trade.askToEnd(link).catch(() => undefined);
    const ended = await Promise.race([closed, sleep(stopMs, false, { ref: false })]);
    if (!ended) killQuietly(link.pid);
    link.close();
    // It says goodbye before it lets go of its ports.
    await untilGone(link.pid);
  }

  /** From now on this is the one; when it dies there is another at once. */
  #use(link: Promise<Link>): Promise<Link> {
    this.#link = link;
    void link.then(
      (open) => {
        this.#pid = open.pid;
        open.onClose(() => this.#died(open));
        void endWhenSilent(open, this.#trade.patience, (pid) => this.#endSilent(pid));
      },
      () => {
        if (this.#link === link) this.#link = undefined;
      },
    );
    return link;
  }

  async #start(): Promise<Link> {
    const { name, unreachable, program } = this.#trade;
    if (this.#trade.start) await this.#trade.start();
    else await startProgram(program, this.#trade);
    const link = await this.#trade.open();
    if (!link) throw new OpError(unreachable, { message: `the ${name} ended while it started` });
    return link;
  }

  #died(old: Link): void {
    if (this.#closed) return;
    const since = performance.now();
    const tell = (link: Link) => {
      const reason = old.pid === this.#silentPid ? "it had stopped answering" : "its process had ended";
      const restart = { oldPid: old.pid, newPid: link.pid, reason, tookMs: performance.now() - since };
      for (const listener of this.#listeners) listener(restart);
    };
    void this.#use(this.#startUntilItWorks()).then(tell, () => undefined);
  }

  #endSilent(pid: number): void {
    this.#silentPid = pid;
    killQuietly(pid);
  }

  async #startUntilItWorks(): Promise<Link> {
    for (let waitMs = backoffMsFirst; ; waitMs = Math.min(2 * waitMs, backoffMsMax)) {
      try {
        return await this.#startAsBefore();
      } catch (error) {
        if (this.#closed) throw error;
        // What fails the second time in a row fails for a reason; one start may lose a race with the end of the last.
        if (waitMs === failureToldAtMs) for (const listener of this.#failureListeners) listener(error);
        await sleep(waitMs);
      }
    }
  }

  async #startAsBefore(): Promise<Link> {
    // Only the connection may have ended, and the process still has the ports.
    const link = (await this.#trade.open()) ?? (await this.#start());
    try {
      await this.#trade.brief(link);
      return link;
    } catch (error) {
      await this.end(link);
      throw error;
    }
  }
}

async function untilGone(pid: number): Promise<void> {
  const until = performance.now() + stopMs;
  while (isAlive(pid) && performance.now() < until) await sleep(lookMs);
  if (isAlive(pid)) killQuietly(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
