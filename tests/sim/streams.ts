/**
 * A replication stream between two model servers: the walsender's end, the receiver's end, and what is on its way
 * between them. Each end finds out by itself, and late, that the other is gone; an answer that has left arrives even
 * when its sender has stopped since. Made by postgres-model.ts.
 */
import type { CommitRule } from "../../src/domain/rule.ts";
import { commonEnd, contains, type LogRecord } from "./log.ts";
import type { PgServer } from "./postgres-model.ts";
import type { World } from "./world.ts";

const keepaliveMs = 150;
/** wal_receiver_timeout and wal_sender_timeout */
const silenceMs = 3000;

export class Stream {
  readonly name: string;
  readonly upstream: PgServer;
  readonly standby: PgServer;
  senderOpen = true;
  receiverOpen = true;
  /** `synchronous_standby_names` as this walsender has read it */
  names: CommitRule;
  flushed: LogRecord | undefined;
  replayed: LogRecord | undefined;
  streaming = false;
  #sent: LogRecord;
  #arrivesAt = 0;
  #repliedAt = 0;
  #senderHeardAt: number;
  #receiverHeardAt: number;
  readonly #world: World;

  constructor(world: World, upstream: PgServer, standby: PgServer, start: LogRecord) {
    this.#world = world;
    this.upstream = upstream;
    this.standby = standby;
    this.name = standby.streamName;
    this.names = upstream.names;
    this.#sent = start;
    this.#senderHeardAt = this.#receiverHeardAt = world.scheduler.now;
    this.#keepSender();
    this.#keepReceiver();
    this.reply();
  }

  /** Sends what the upstream has flushed since. */
  pump(): void {
    if (!this.senderOpen || !this.upstream.part.alive || this.upstream.part.frozen) return;
    const end = this.upstream.dir?.flushed;
    if (!end || !contains(end, this.#sent)) return;
    const delayMs = this.#world.network.delay(this.upstream.host, this.standby.host);
    if (delayMs === undefined) return;
    this.#sent = end;
    const now = this.#world.scheduler.now;
    this.#arrivesAt = Math.max(this.#arrivesAt, now + delayMs);
    this.#world.scheduler.after(this.#arrivesAt - now, () => this.standby.part.run(() => this.#receive(end)));
  }

  #receive(end: LogRecord): void {
    if (!this.receiverOpen || this.standby.receiver !== this) return;
    this.#receiverHeardAt = this.#world.scheduler.now;
    if (!this.streaming) this.streaming = true;
    this.standby.receive(end, this);
  }

  /** The standby tells how far it has flushed. */
  reply(): void {
    const { dir, part } = this.standby;
    if (!this.receiverOpen || !dir || !part.alive || part.frozen || this.standby.receiver !== this) return;
    const delayMs = this.#world.network.delay(this.standby.host, this.upstream.host);
    if (delayMs === undefined) return;
    const { flushed, replayed } = dir;
    const now = this.#world.scheduler.now;
    this.#repliedAt = Math.max(this.#repliedAt, now + delayMs);
    this.#world.scheduler.after(this.#repliedAt - now, () =>
      this.upstream.part.run(() => this.#hearReply(flushed, replayed)),
    );
  }

  #hearReply(flushed: LogRecord, replayed: LogRecord): void {
    if (!this.senderOpen) return;
    this.#senderHeardAt = this.#world.scheduler.now;
    this.flushed = flushed;
    this.replayed = replayed;
    this.upstream.hearFlush(this);
  }

  /** The walsender is ended; the standby notices when it hears of it. */
  endSender(): void {
    if (!this.senderOpen) return;
    this.senderOpen = false;
    this.upstream.senders.delete(this);
    this.#world.network.send(this.upstream.host, this.standby.host, () =>
      this.standby.part.run(() => this.endReceiver()),
    );
  }

  endReceiver(): void {
    if (!this.receiverOpen) return;
    this.receiverOpen = false;
    this.streaming = false;
    if (this.standby.receiver === this) this.standby.lostReceiver();
    this.#world.network.send(this.standby.host, this.upstream.host, () =>
      this.upstream.part.run(() => this.endSender()),
    );
  }

  #keepSender(): void {
    this.upstream.part.after(keepaliveMs, () => {
      if (!this.senderOpen) return;
      if (this.#world.scheduler.now - this.#senderHeardAt > silenceMs) return this.endSender();
      this.#retransmit();
      this.pump();
      this.#keepSender();
    });
  }

  #keepReceiver(): void {
    this.standby.part.after(keepaliveMs, () => {
      if (!this.receiverOpen) return;
      if (this.#world.scheduler.now - this.#receiverHeardAt > silenceMs) return this.endReceiver();
      this.reply();
      this.#keepReceiver();
    });
  }

  /** What was lost on the way is sent again; what has arrived is not. */
  #retransmit(): void {
    const has = this.standby.dir?.tip;
    if (has && this.standby.receiver === this) this.#sent = commonEnd(this.#sent, has);
  }
}
