/**
 * The log of a small process (router, relay, guard): one JSON object a line, in a file that only its owner reads and that
 * is turned over by size. Writing never waits and never fails the caller; lines that a hung disk does not take are counted and dropped.
 */
import { closeSync, createWriteStream, fstatSync, openSync, rename, type WriteStream } from "node:fs";

const turnOverBytes = 4 * 1024 * 1024;
const queuedBytesMax = 256 * 1024;

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** @param path undefined: standard error */
export function openLog(path: string | undefined): Log {
  const file = path === undefined ? undefined : new LogFile(path);
  const write = (level: string, message: string, fields: LogFields = {}) => {
    const line = `${JSON.stringify({ level, time: new Date().toISOString(), message, ...fields }, plainErrors)}\n`;
    if (file) file.write(line);
    else process.stderr.write(line);
  };
  return {
    info: (message, fields) => write("info", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

function plainErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

class LogFile {
  readonly #path: string;
  #stream: WriteStream;
  #bytes = 0;
  #dropped = 0;

  constructor(path: string) {
    this.#path = path;
    this.#stream = this.#open();
  }

  write(line: string): void {
    if (this.#stream.writableLength > queuedBytesMax) {
      this.#dropped += 1;
      return;
    }
    if (this.#bytes > turnOverBytes) this.#turnOver();
    const note =
      this.#dropped > 0
        ? `${JSON.stringify({ level: "error", message: "lines dropped", count: this.#dropped })}\n`
        : "";
    this.#dropped = 0;
    this.#bytes += line.length + note.length;
    this.#stream.write(note + line);
  }

  /** Beside the work: a hung disk must not hold the process up. Lines go to the old file until it has moved. */
  #turnOver(): void {
    this.#bytes = 0;
    const old = this.#stream;
    rename(this.#path, `${this.#path}.1`, (error) => {
      // Without the rename the same file goes on: too long is better than silent.
      if (error) return;
      this.#stream = this.#attach(createWriteStream(this.#path, { flags: "a", mode: 0o600 }));
      old.end();
    });
  }

  #open(): WriteStream {
    const fd = openSync(this.#path, "a", 0o600);
    try {
      this.#bytes = fstatSync(fd).size;
    } catch {
      closeSync(fd);
      throw new Error("log file cannot be read");
    }
    return this.#attach(createWriteStream(this.#path, { fd }));
  }

  #attach(stream: WriteStream): WriteStream {
    return stream.on("error", () => {
      this.#dropped += 1;
    });
  }
}
