/**
 * A client that lives on a host of its own and writes without pause through every endpoint it is given, one connection
 * each, and remembers what it was told. Used by the stories of faults and by the bench beside the peers.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { ClientConfig } from "pg";
import type { History, Write } from "../../checker/history.ts";
import type { Watched, WatchPlan } from "./watcher.ts";

export type Command = { readonly id: number } & (
  | { readonly kind: "prepare" | "rows"; readonly target: ClientConfig; readonly table: string }
  | {
      readonly kind: "start";
      readonly writers: Readonly<Record<string, readonly ClientConfig[]>>;
      readonly table: string;
      readonly patienceMs: number;
      readonly pauseMs: number;
    }
  | {
      readonly kind: "acknowledged";
      readonly writer: string | undefined;
      readonly count: number;
      readonly withinMs: number;
    }
  | { readonly kind: "last"; readonly writer: string | undefined }
  | { readonly kind: "watch"; readonly plan: WatchPlan }
  | { readonly kind: "stop" | "unwatch" }
);
type Body = Command extends infer C ? (C extends Command ? Omit<C, "id"> : never) : never;

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string };

export interface RecordPlan {
  /** what each writer is called, and where it writes: several targets are tried in turn */
  readonly writers: Readonly<Record<string, readonly ClientConfig[]>>;
  readonly table: string;
  readonly patienceMs: number;
  readonly pauseMs: number;
}

const startMs = 10_000;

export class Recorder {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;

  /** @param inside the command that enters the client's namespace */
  constructor(inside: readonly string[]) {
    const program = join(import.meta.dirname, "recorder-process.ts");
    const command: readonly string[] = [...inside, process.execPath, program];
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (answer: Answer) => this.#settle(answer));
    this.#child.once("exit", () => this.#fail(new Error("the recording client has ended")));
  }

  prepare(target: ClientConfig, table: string): Promise<unknown> {
    return this.#ask({ kind: "prepare", target, table }, startMs);
  }

  async rows(target: ClientConfig, table: string): Promise<readonly string[]> {
    const rows = await this.#ask({ kind: "rows", target, table }, 60_000);
    if (!Array.isArray(rows)) throw new Error("no rows");
    return rows.map(String);
  }

  start(plan: RecordPlan): Promise<unknown> {
    return this.#ask({ kind: "start", ...plan }, startMs);
  }

  /** Waits for so many acknowledged writes more: of this writer, or of whichever writer is first. */
  acknowledged(count: number, withinMs: number, writer?: string): Promise<unknown> {
    return this.#ask({ kind: "acknowledged", writer, count, withinMs }, withinMs + startMs);
  }

  /** CLOCK_MONOTONIC in ms of the newest acknowledgement. */
  async last(writer?: string): Promise<number | undefined> {
    const at = await this.#ask({ kind: "last", writer }, startMs);
    return typeof at === "number" ? at : undefined;
  }

  /** Counts and reads from now on, to find stale reads. */
  watch(plan: WatchPlan): Promise<unknown> {
    return this.#ask({ kind: "watch", plan }, 60_000);
  }

  async unwatch(): Promise<Watched> {
    const watched = await this.#ask({ kind: "unwatch" }, 60_000);
    if (!isWatched(watched)) throw new Error("nothing was watched");
    return watched;
  }

  /** No new writes. @returns each writer's history, times of CLOCK_MONOTONIC */
  async stop(): Promise<Readonly<Record<string, History>>> {
    const histories = await this.#ask({ kind: "stop" }, 120_000);
    if (typeof histories !== "object" || histories === null) throw new Error("no histories");
    return Object.fromEntries(Object.entries(histories).map(([name, writes]) => [name, toHistory(writes)]));
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  #ask(body: Body, withinMs: number): Promise<unknown> {
    const id = (this.#asked += 1);
    return new Promise<unknown>((resolve, reject) => {
      const deadline = setTimeout(
        () => reject(new Error(`the recording client did not answer: ${body.kind}`)),
        withinMs,
      );
      this.#waiting.set(id, {
        resolve: (value) => (clearTimeout(deadline), resolve(value)),
        reject: (error) => (clearTimeout(deadline), reject(error)),
      });
      this.#child.send({ id, ...body });
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(answer.error));
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function toHistory(writes: unknown): History {
  return Array.isArray(writes) ? writes.filter(isWrite) : [];
}

function isWrite(value: unknown): value is Write {
  return typeof value === "object" && value !== null && "id" in value && "sentAt" in value && "outcome" in value;
}

function isWatched(value: unknown): value is Watched {
  return typeof value === "object" && value !== null && "beats" in value && "reads" in value;
}
