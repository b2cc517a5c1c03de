/**
 * A base backup by the replication protocol: for a source whose files cannot be read from here. Called by `clone`.
 * Majors 15 and later, whose framing it knows. Holds back the server when the disk is slower than the socket.
 * Source: "Streaming Replication Protocol", BASE_BACKUP, in the Postgres manual.
 */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import type { Submittable, Connection } from "pg";
import { OpError } from "../../../errors/op-error.ts";
import type { CloneProgress, ServerOwner, Upstream } from "../port.ts";
import { replicationUser } from "../server/replication-names.ts";
import { Session } from "../session/session.ts";
import { Untar } from "./untar.ts";

const run = promisify(execFile);

export interface BackupRequest {
  readonly source: Upstream;
  readonly owner: ServerOwner | undefined;
  readonly target: string;
  readonly major: number;
  readonly progress: (progress: CloneProgress) => void;
  readonly signal: AbortSignal;
}

const openMs = 5000;
const queueMaxBytes = 8 << 20;

/** With the log it needs, so that it stands on its own; the checkpoint at once. */
const command =
  "BASE_BACKUP (LABEL 'matriarch', PROGRESS true, CHECKPOINT 'fast', WAL true, WAIT false, MANIFEST 'no')";

export async function baseBackup(request: BackupRequest): Promise<void> {
  if (request.major < 15) {
    throw new OpError("not-supported", { message: "a base backup of a server before version 15 is not supported" });
  }
  await mkdir(request.target, { recursive: true, mode: 0o700 });
  const session = await Session.open(request.source, { withinMs: openMs, user: replicationUser, replication: true });
  const abort = (): void => session.destroy();
  request.signal.addEventListener("abort", abort, { once: true });
  try {
    request.signal.throwIfAborted();
    const transfer = new Transfer(session, request);
    session.client.query(transfer);
    await transfer.done;
    if (request.owner !== undefined) {
      const { uid, gid } = request.owner;
      await run("chown", ["-R", `${uid}:${gid}`, request.target], { timeout: 10 * 60_000 });
    }
  } catch (error) {
    request.signal.throwIfAborted();
    throw error instanceof OpError
      ? error
      : new OpError("clone-failed", { message: "the base backup was cut short", cause: error });
  } finally {
    request.signal.removeEventListener("abort", abort);
    session.destroy();
  }
}

/** One command in progress, as pg wants a query to be: it is told of each message of the server. */
class Transfer implements Submittable {
  readonly done: Promise<void>;
  readonly #session: Session;
  readonly #request: BackupRequest;
  readonly #tar: Untar;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  /** writes in order, and how much waits for them */
  #writing: Promise<void> = Promise.resolve();
  #queuedBytes = 0;
  #bytesTotal: number | undefined;
  #archives = 0;

  constructor(session: Session, request: BackupRequest) {
    this.#session = session;
    this.#request = request;
    this.#tar = new Untar(request.target);
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => undefined);
    void session.ended.then(() => this.#reject(new Error("the source closed the connection")));
  }

  submit(connection: Connection): void {
    connection.query(command);
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    const { chunk } = message;
    const content = chunk.subarray(1);
    switch (String.fromCharCode(chunk[0] ?? 0)) {
      case "n":
        this.#archives += 1;
        if (this.#archives > 1)
          this.#fail(new OpError("not-supported", { message: "a server with tablespaces cannot be copied" }));
        return;
      case "d":
        this.#enqueue(content);
        return;
      case "p":
        this.#tell(Number(content.readBigUInt64BE(0)));
        return;
      default:
    }
  }

  /** Two result sets come before the copy and one after: positions, which the label in the stream has as well. */
  handleRowDescription(): void {}
  handleDataRow(message: { readonly fields?: readonly (string | null)[] }): void {
    // tablespace list: oid, location, size in KiB, of the main directory with both first ones null
    const fields = message.fields ?? [];
    if (fields.length === 3 && fields[2]) this.#bytesTotal = Number(fields[2]) * 1024;
  }
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}

  handleReadyForQuery(): void {
    this.#writing.then(
      () => this.#resolve(),
      (error: unknown) => this.#fail(error),
    );
  }

  handleError(error: Error): void {
    this.#fail(error);
  }

  #enqueue(content: Buffer): void {
    // The parser may use its buffer again.
    const own = Buffer.from(content);
    this.#queuedBytes += own.length;
    if (this.#queuedBytes > queueMaxBytes) this.#session.hold();
    this.#writing = this.#writing.then(async () => {
      await this.#tar.write(own);
      this.#queuedBytes -= own.length;
      if (this.#queuedBytes < queueMaxBytes / 2) this.#session.release();
    });
    this.#writing.catch((error: unknown) => this.#fail(error));
  }

  #tell(bytesDone: number): void {
    this.#request.progress({ bytesDone, bytesTotal: this.#bytesTotal, how: "base-backup" });
  }

  #fail(error: unknown): void {
    this.#reject(error instanceof Error ? error : new Error(String(error)));
    this.#session.destroy();
    void this.#tar.close();
  }
}
