/**
 * Unpacks the tar stream of a base backup into a directory as it comes. Called by base-backup.ts. Understands what
 * Postgres writes (ustar: files, directories, links) and refuses names that lead out of the directory.
 */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { OpError } from "../../../errors/op-error.ts";

const blockBytes = 512;

export class Untar {
  readonly #directory: string;
  /** a header of which a part has come */
  #header: Buffer = Buffer.alloc(0);
  #file: FileHandle | undefined;
  /** bytes of the current file that are still to come, then bytes up to the end of its last block */
  #left = 0;
  #padding = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(chunk: Buffer): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) rest = await this.#step(rest);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** @returns what of `data` is left */
  async #step(data: Buffer): Promise<Buffer> {
    if (this.#left > 0) return await this.#content(data);
    if (this.#padding > 0) {
      const skip = Math.min(this.#padding, data.length);
      this.#padding -= skip;
      return data.subarray(skip);
    }
    const taken = blockBytes - this.#header.length;
    this.#header = Buffer.concat([this.#header, data.subarray(0, taken)]);
    if (this.#header.length === blockBytes) await this.#begin();
    return data.subarray(taken);
  }

  async #content(data: Buffer): Promise<Buffer> {
    const part = data.subarray(0, this.#left);
    await this.#file?.write(part);
    this.#left -= part.length;
    if (this.#left === 0) await this.close();
    return data.subarray(part.length);
  }

  async #begin(): Promise<void> {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    if (header.every((byte) => byte === 0)) return;
    const text = (from: number, to: number): string => header.toString("utf8", from, to).replace(/\0.*$/s, "");
    const name = join(text(345, 500), text(0, 100));
    const size = Number.parseInt(text(124, 136), 8);
    const type = text(156, 157);
    if (!Number.isSafeInteger(size) || text(257, 262) !== "ustar") throw damaged("a header of the stream is damaged");
    if (normalize(name).startsWith("..") || name.startsWith("/"))
      throw damaged(`a file of the stream is named "${name}"`);
    await this.#make(join(this.#directory, name), type, size);
  }

  async #make(path: string, type: string, size: number): Promise<void> {
    if (type === "5") {
      await mkdir(path, { recursive: true, mode: 0o700 });
      return;
    }
    if (type !== "0" && type !== "") throw damaged("the source has tablespaces or links, which are not copied");
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = await open(path, "w", 0o600);
    this.#left = size;
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes;
    if (size === 0) await this.close();
  }
}

function damaged(message: string): OpError {
  return new OpError("clone-failed", { message });
}
