/**
 * The poolers of this host: one for each cluster that has a pooled endpoint. Each is kept as its cluster's spec says, knows
 * who may log in, and holds its clients for the moment in which the primary moves. Called by the runtime and the clusters'
 * loops. Nothing that keeps a database up waits for it longer than a bound.
 */
import { isToRest, type ClusterRecord } from "../domain/cluster.ts";
import { serversForPools } from "../domain/pool.ts";
import type { PoolerDriver, PoolerWish, PoolFigures } from "../drivers/pgbouncer/port.ts";
import type { Restart } from "../drivers/process/port.ts";
import type { Login } from "../drivers/postgres/accounts/verifiers.ts";
import { OpError } from "../errors/op-error.ts";

/** How old a change of users by SQL may be before the pooler knows it; commands of ours tell it at once. */
const lookEveryMs = 500;
/** Transactions have so long to end before a planned move of the primary ends them: everybody else waits meanwhile. */
const holdMs = 3000;
/** On another host than the primary's, which waits for the answer among its signs of life. */
const holdElsewhereMs = 700;
/** A switchover waits no longer than this for endpoints of other hosts to hold their clients. */
const holdOthersMs = 500;
const serverIdleMs = 60_000;

export interface PoolsParts {
  make(cluster: string): PoolerDriver;
  /** reads who may log in, where the primary is; undefined: as before. @throws when nobody says it */
  makeReader(): LoginSource;
  hosts(): number;
  maxConnections(cluster: ClusterRecord): number;
  /** its endpoint leads elsewhere now */
  changed(cluster: string): void;
  tell: PoolTeller;
}

export interface LoginSource {
  read(cluster: ClusterRecord): Promise<readonly Login[] | undefined>;
  forget(): void;
  close(): void;
}

export interface PoolTeller {
  restarted(cluster: string, restart: Restart): void;
  /** told once, until it works again */
  failed(cluster: string, error: unknown): void;
  late(cluster: string, open: number, waitedMs: number): void;
}

/** Where the pooled endpoint leads on this host. */
export interface PoolSeen {
  readonly port: number | undefined;
  /** why there is none */
  readonly trouble: string | undefined;
}

export class Pools {
  readonly #parts: PoolsParts;
  readonly #pools = new Map<string, HostPool>();
  /** clusters whose pooled endpoint the router has been told of: it takes no route of another */
  #endpoints: ReadonlySet<string> = new Set();

  constructor(parts: PoolsParts) {
    this.#parts = parts;
  }

  /** The cluster's spec as it is now; again and again. */
  learn(record: ClusterRecord): void {
    const { name, pool } = record.spec.value;
    const known = this.#pools.get(name);
    if (known) return known.learn(record);
    if (!pool) return;
    const made = new HostPool(name, this.#parts);
    this.#pools.set(name, made);
    made.learn(record);
  }

  /** The cluster is gone from here, and its pooler goes with it. */
  async remove(cluster: string): Promise<void> {
    const pool = this.#pools.get(cluster);
    this.#pools.delete(cluster);
    await pool?.stop();
  }

  /** The router knows the pooled endpoints of these clusters, and of no others. */
  listensFor(clusters: readonly string[]): void {
    this.#endpoints = new Set(clusters);
  }

  /** The router is about to be told of another set, with or without this one. */
  forgetEndpoint(cluster: string): void {
    this.#endpoints = new Set([...this.#endpoints].filter((other) => other !== cluster));
  }

  /** undefined: it has none, or the router does not know of it yet */
  seen(cluster: string): PoolSeen | undefined {
    return this.#endpoints.has(cluster) ? this.#pools.get(cluster)?.seen : undefined;
  }

  /** What runs here has been found: until then its clients must not be cut off. */
  isKnown(cluster: string): boolean {
    return this.#pools.get(cluster)?.isKnown ?? true;
  }

  /** Clients that are connected, busy or not. */
  clients(cluster: string): number {
    return this.#pools.get(cluster)?.clients ?? 0;
  }

  /** @param isHere the primary that is about to stop is on this host */
  async hold(cluster: string, isHere: boolean): Promise<void> {
    await this.#pools.get(cluster)?.hold(isHere ? holdMs : holdElsewhereMs);
  }

  /** How long a move of the primary waits for the endpoints of other hosts, with their poolers if it has some. */
  othersMs(cluster: string): number {
    return this.seen(cluster) ? holdElsewhereMs + 200 : holdOthersMs;
  }

  async release(cluster: string): Promise<void> {
    await this.#pools.get(cluster)?.release();
  }

  /** Somebody's password or rights to log in were changed here: in force when it returns, if there is a primary. */
  async usersChanged(cluster: string): Promise<void> {
    await this.#pools.get(cluster)?.lookAtUsers();
  }

  /** Resolves once the last spec that was learned is in force, or has failed. @throws OpError why it is not */
  async settled(cluster: string): Promise<void> {
    await this.#pools.get(cluster)?.settled();
  }

  /** For people and monitoring, of this host alone; undefined: it has no pooler here. @throws OpError */
  async figures(cluster: string): Promise<PoolFigures | undefined> {
    return this.#pools.get(cluster)?.figures();
  }

  /** The agent ends; poolers go on. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#pools.keys()].map((cluster) => this.remove(cluster)));
  }
}

class HostPool {
  readonly #cluster: string;
  readonly #parts: PoolsParts;
  /** another one after each stop, for which a stop is the end */
  #driver: PoolerDriver;
  readonly #reader: LoginSource;
  #record: ClusterRecord | undefined;
  /** what the driver was asked for last; empty: to stop; undefined: nothing, and one of an agent before may run */
  #wished: string | undefined;
  #users: readonly Login[] | undefined;
  #isTried = false;
  /** the pooler has a list of who may log in: without one it would refuse everybody's right password */
  #isListed = false;
  #error: Error | undefined;
  #clients = 0;
  #turn: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #look: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(cluster: string, parts: PoolsParts) {
    this.#cluster = cluster;
    this.#parts = parts;
    this.#driver = this.#makeDriver();
    this.#reader = parts.makeReader();
  }

  #makeDriver(): PoolerDriver {
    const parts = this.#parts;
    const driver = parts.make(this.#cluster);
    driver.onRestart((restart) => {
      this.#worked();
      parts.tell.restarted(this.#cluster, restart);
      parts.changed(this.#cluster);
    });
    driver.onFailure((error) => this.#failed(error));
    return driver;
  }

  get #isOn(): boolean {
    return this.#record?.spec.value.pool?.isOn === true;
  }

  get seen(): PoolSeen | undefined {
    if (!this.#isOn) return undefined;
    const trouble = this.#error === undefined ? undefined : messageOf(this.#error);
    return { port: this.#isTried && this.#isListed ? this.#driver.port : undefined, trouble };
  }

  get isKnown(): boolean {
    return this.#isTried || !this.#isOn;
  }

  get clients(): number {
    return this.#isOn ? this.#clients : 0;
  }

  learn(record: ClusterRecord): void {
    this.#record = record;
    if (this.#text() === this.#wished && this.#error === undefined) return;
    if (!this.#isOver) this.#applySoon();
    this.#timer ??= setInterval(() => void this.#lookAgain(), lookEveryMs);
  }

  async settled(): Promise<void> {
    await this.#turn;
    if (this.#isOn && this.#error !== undefined) throw this.#error;
  }

  async hold(withinMs: number): Promise<void> {
    // A session keeps its server for as long as it lasts, and goes with it.
    if (!this.#isOn || this.#record?.spec.value.pool?.mode === "session" || this.#driver.port === undefined) return;
    const begun = performance.now();
    try {
      const outcome = await this.#driver.pause(withinMs);
      if (outcome.kind === "paused" || outcome.open === 0) return;
      this.#parts.tell.late(this.#cluster, outcome.open, Math.round(performance.now() - begun));
    } catch {
      // It has just died, and nobody has a transaction open through it.
    }
  }

  async release(): Promise<void> {
    await this.#driver.resume().catch(() => undefined);
  }

  async figures(): Promise<PoolFigures | undefined> {
    if (!this.#isOn) return undefined;
    if (this.#error !== undefined && this.#driver.port === undefined) throw this.#error;
    if (!this.#isListed) return undefined;
    return this.#driver.figures();
  }

  /** One look at a time, and one that began before this was asked for does not count. */
  async lookAtUsers(): Promise<void> {
    await this.#look;
    this.#look ??= this.#readUsers().finally(() => {
      this.#look = undefined;
    });
    await this.#look;
  }

  async close(): Promise<void> {
    this.#end();
    // First: what is under way may be waiting for a pooler that cannot be started.
    await this.#driver.close();
    await this.#turn;
  }

  async stop(): Promise<void> {
    await this.close();
    await this.#driver.stop();
  }

  #end(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#reader.close();
  }

  /** One after the other, and no more than one that waits: it does what the spec says by then. */
  #applySoon(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turn = this.#turn
      .then(() => {
        this.#isWaiting = false;
        return this.#apply();
      })
      .catch((error: unknown) => this.#failed(error));
  }

  #text(): string {
    const record = this.#record;
    return record?.spec.value.pool?.isOn ? JSON.stringify(this.#wish(record)) : "";
  }

  #wish(record: ClusterRecord): PoolerWish {
    const { pool, ports, autostopMs } = record.spec.value;
    if (!pool) throw new Error("no pool was asked for");
    const serversMax = serversForPools(this.#parts.maxConnections(record), this.#parts.hosts());
    // An idle server of the pool is a session like any other, and would keep a cluster awake.
    const idleMs = Math.min(serverIdleMs, Math.max(1000, (autostopMs ?? Infinity) / 2));
    return { pool, primaryPort: ports.primary, serversMax, serverIdleMs: idleMs };
  }

  async #apply(): Promise<void> {
    const record = this.#record;
    const text = this.#text();
    if (!record || this.#isOver || (text === this.#wished && this.#error === undefined)) return;
    if (text === "") await this.#stopForNow();
    else if (this.#wished) await this.#driver.configure(this.#wish(record));
    else await this.#begin(record);
    this.#wished = text;
    this.#worked();
    this.#parts.changed(this.#cluster);
  }

  async #stopForNow(): Promise<void> {
    await this.#driver.stop();
    this.#driver = this.#makeDriver();
  }

  async #begin(record: ClusterRecord): Promise<void> {
    const how = await this.#driver.ensure(this.#wish(record), this.#users);
    // Clients of the one that ran are served as before; nobody is let into a new one who could only be refused.
    this.#isListed = how === "adopted" || this.#users !== undefined;
    if (how === "started") await this.lookAtUsers();
  }

  #worked(): void {
    this.#isTried = true;
    this.#error = undefined;
  }

  #failed(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#isTried = true;
    if (this.#error === undefined || messageOf(error) !== messageOf(this.#error))
      this.#parts.tell.failed(this.#cluster, error);
    this.#error = error;
    this.#parts.changed(this.#cluster);
  }

  async #lookAgain(): Promise<void> {
    if (!this.#isOn || this.#isOver) return;
    if (this.#error !== undefined) this.#applySoon();
    await this.lookAtUsers();
    if (this.#record?.spec.value.autostopMs !== undefined)
      this.#clients = await this.#driver.clients().catch(() => this.#clients);
  }

  async #readUsers(): Promise<void> {
    const record = this.#record;
    if (!record || !this.#isOn || isToRest(record) || record.reign.value.phase !== "open") return;
    try {
      const users = await this.#reader.read(record);
      if (users) this.#users = users;
      if (users && this.#driver.port !== undefined) await this.#list(users);
    } catch {
      // No primary, or no pooler, at the moment: the list is as it was, and is looked at again.
      this.#reader.forget();
    }
  }

  async #list(users: readonly Login[]): Promise<void> {
    await this.#driver.setUsers(users);
    if (this.#isListed) return;
    this.#isListed = true;
    this.#parts.changed(this.#cluster);
  }
}

function messageOf(error: Error): string {
  return error instanceof OpError && error.detail !== undefined ? `${error.message}: ${error.detail}` : error.message;
}
