/**
 * PgBouncer as a process: adopted or started with the rights of the servers' user, told its settings and users, started
 * again at once when it dies or falls silent. Called by the agent's pools through port.ts. It never ends one unasked that
 * works: client sessions live there.
 */
import { rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { OpError } from "../../errors/op-error.ts";
import type { ServerOwner } from "../postgres/port.ts";
import { KeptProcess } from "../process/kept-process.ts";
import type { Restart } from "../process/port.ts";
import { anyVersion, Console } from "./console.ts";
import { figuresOf, clientsIn } from "./figures.ts";
import type { AdminName } from "./configuration.ts";
import { endPauseAfter, startPgbouncer, writeFiles, writeUsers } from "./files.ts";
import type { PauseOutcome, PoolerDriver, PoolerWish, PoolFigures, PoolUser } from "./port.ts";

const poolerName = { name: "pooler", unreachable: "pooler-unreachable" } as const;
/** A primary that has not moved in this time does not move. */
const usualPauseMsMax = 20_000;

export interface PoolerOptions {
  /** for its socket and its files; nobody else's to enter */
  readonly directory: string;
  readonly logPath: string;
  /** undefined: the agent's own user, which is not root */
  readonly owner: ServerOwner | undefined;
  /** a pause ends by then, whoever forgot it */
  readonly pauseMsMax?: number;
}

export function createPooler(options: PoolerOptions): PoolerDriver {
  return new PgbouncerProcess(options);
}

class PgbouncerProcess implements PoolerDriver {
  readonly #options: PoolerOptions;
  readonly #admin: AdminName;
  readonly #process: KeptProcess<Console>;
  #wish: PoolerWish | undefined;
  #users: readonly PoolUser[] | undefined;
  #port: number | undefined;
  #pause: Promise<Pause> | undefined;

  constructor(options: PoolerOptions) {
    this.#options = options;
    this.#admin = adminFor(options.owner);
    this.#process = new KeptProcess<Console>({
      ...poolerName,
      program: { command: "", args: [], controlPath: options.directory, logPath: options.logPath, version: anyVersion },
      patience: { everyMs: 1000, answerMs: 2000, missedMax: 5, endsStopped: true },
      open: () => this.#open(),
      start: () => this.#start(),
      takeOver: async () => undefined,
      brief: (link) => this.#brief(link),
      askToEnd: (link) => link.rows("SHUTDOWN"),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get port(): number | undefined {
    return this.#port;
  }

  async ensure(wish: PoolerWish, users: readonly PoolUser[] | undefined): Promise<"adopted" | "started"> {
    this.#wish = wish;
    this.#users = users;
    const how = await this.#process.ensure();
    if (how === "started") return "started";
    // Of an agent that ended in the middle of a switchover, or with other wishes.
    const link = await this.#process.current();
    await resumeAt(link);
    await this.#write(link);
    return "adopted";
  }

  async configure(wish: PoolerWish): Promise<void> {
    this.#wish = wish;
    await this.#process.tell((link) => this.#write(link));
  }

  async setUsers(users: readonly PoolUser[]): Promise<void> {
    this.#users = users;
    await this.#process.tell(async (link) => {
      await writeUsers(this.#options, this.#admin, users);
      await link.rows("RELOAD");
    });
  }

  async pause(withinMs: number): Promise<PauseOutcome> {
    this.#pause ??= this.#beginPause();
    const pause = await this.#pause;
    if (await pause.isOverWithin(withinMs)) return { kind: "paused" };
    const { pools } = await this.figures();
    return { kind: "late", open: pools.reduce((sum, { serversActive }) => sum + serversActive, 0) };
  }

  async resume(): Promise<void> {
    if (!this.#pause) return;
    // Asked for in this order also where they go different ways.
    await this.#pause.catch(() => undefined);
    await resumeAt(await this.#process.current()).finally(() => this.#forgetPause());
  }

  async figures(): Promise<PoolFigures> {
    const link = await this.#process.current();
    const [version, pools, stats, lists] = await Promise.all(
      ["SHOW VERSION", "SHOW POOLS", "SHOW STATS", "SHOW LISTS"].map((command) => link.rows(command)),
    );
    return figuresOf({
      version: /\d+(?:\.\d+)+/.exec(version?.[0]?.["version"] ?? "")?.[0] ?? "",
      pools: pools ?? [],
      stats: stats ?? [],
      isPaused: this.#pause !== undefined,
      lists: lists ?? [],
      consoles: this.#consoles,
    });
  }

  async clients(): Promise<number> {
    const link = await this.#process.current();
    return clientsIn(await link.rows("SHOW LISTS"), this.#consoles);
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#process.onRestart(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#process.onFailure(listener);
  }

  async close(): Promise<void> {
    // A pause that it leaves behind is ended by the next agent, or when its time is over.
    await this.#process.close();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    // One of an agent before this one, which has not asked for it.
    const left = await this.#open();
    if (left) await this.#process.end(left);
    this.#forgetPause();
    this.#port = undefined;
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  get #consoles(): number {
    return this.#pause ? 2 : 1;
  }

  async #open(): Promise<Console | undefined> {
    const link = await Console.open(this.#options.directory, this.#admin.name);
    if (link) this.#port = link.port;
    return link;
  }

  async #start(): Promise<void> {
    if (!this.#wish) throw new OpError("pooler-unreachable", { message: "the pooler was not told what to do" });
    await startPgbouncer(this.#options, { admin: this.#admin, wish: this.#wish, users: this.#users });
  }

  /** One that has started read it all just now; one whose connection alone had ended is told again. */
  async #brief(link: Console): Promise<void> {
    this.#forgetPause();
    await resumeAt(link);
    await this.#write(link);
  }

  async #write(link: Console): Promise<void> {
    if (!this.#wish) return;
    const place = { admin: this.#admin, wish: this.#wish, users: this.#users };
    await writeFiles(this.#options, place, link.port);
    await link.rows("RELOAD");
  }

  #forgetPause(): void {
    const pause = this.#pause;
    this.#pause = undefined;
    pause?.then(
      (begun) => begun.close(),
      () => undefined,
    );
  }

  async #beginPause(): Promise<Pause> {
    const { pid } = await this.#process.current();
    const asking = await this.#open();
    if (!asking) throw new OpError("pooler-unreachable", { message: "the pooler does not answer" });
    const { pauseMsMax = usualPauseMsMax, owner } = this.#options;
    return new Pause(asking.rows("PAUSE", pauseMsMax), asking, endPauseAfter(pauseMsMax, pid, owner));
  }
}

/** One pause: asked for on a session of its own, for the answer comes when all transactions have ended. */
class Pause {
  readonly #asking: Console;
  readonly #forget: () => void;
  readonly #done: Promise<boolean>;

  /** @param forget calls off what would end it by itself */
  constructor(asked: Promise<unknown>, asking: Console, forget: () => void) {
    this.#asking = asking;
    this.#forget = forget;
    this.#done = asked.then(() => true);
    // Who does not wait for it any more needs no answer.
    this.#done.catch(() => undefined);
  }

  async isOverWithin(withinMs: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, withinMs, false);
    return Promise.race([this.#done, late]).finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#forget();
    this.#asking.close();
  }
}

/** As `pgbouncer` it is let in by being the same user; root is another one, and comes by its name. */
function adminFor(owner: ServerOwner | undefined): AdminName {
  return owner === undefined ? { name: "pgbouncer", isListed: false } : { name: userInfo().username, isListed: true };
}

/** One that is not paused says so, which is as good. */
async function resumeAt(link: Console): Promise<void> {
  await link.rows("RESUME").catch((error: unknown) => {
    if (error instanceof OpError) throw error;
  });
}
