/**
 * A small file system of a host's own, on a loop device, that can be filled and whose writes can be made to hang. While
 * it hangs, whoever writes to it cannot even be killed, as with a wedged disk: so a helper process holds it, and lets
 * go when this process ends, however it ends.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tool, toolWith, tryTool } from "./shell.ts";

export class Volume {
  readonly directory: string;
  readonly #image: string;
  #holder: ChildProcess | undefined;

  private constructor(directory: string, image: string) {
    this.directory = directory;
    this.#image = image;
  }

  /** @param directory exists; what is in it is hidden while the volume is there */
  static async mount(directory: string, image: string, megabytes: number): Promise<Volume> {
    await tool("truncate", "--size", `${megabytes}M`, image);
    await tool("mkfs.ext4", "-q", "-F", "-m", "0", image);
    await tool("mount", "-o", "loop", image, directory);
    await tool("chmod", "755", directory);
    return new Volume(directory, image);
  }

  /** Every write hangs until `release`, or until this process ends. */
  async stall(): Promise<void> {
    const script = 'fsfreeze -f "$0" && echo held && read -r line; fsfreeze -u "$0"';
    const holder = spawn("sh", ["-c", script, this.directory], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#holder = holder;
    await once(holder.stdout, "data", { signal: AbortSignal.timeout(30_000) });
  }

  async release(): Promise<void> {
    const holder = this.#holder;
    this.#holder = undefined;
    if (!holder || holder.exitCode !== null) return;
    holder.stdin?.end();
    await once(holder, "exit");
  }

  /** Until nothing fits any more. */
  async fill(): Promise<void> {
    const { stdout } = await tryTool(["df", "--output=avail", "-B1", this.directory]);
    const free = Number(stdout.trim().split("\n").at(-1));
    await tryTool(["fallocate", "--length", String(free), this.#ballast]);
    await tryTool(["dd", "if=/dev/zero", `of=${this.#ballast}.rest`, "bs=4096"]);
  }

  async empty(): Promise<void> {
    await rm(this.#ballast, { force: true });
    await rm(`${this.#ballast}.rest`, { force: true });
  }

  /** Nobody may use it any more. */
  async remove(): Promise<void> {
    await this.release();
    await unmount(this.directory);
    await rm(this.#image, { force: true });
  }

  get #ballast(): string {
    return join(this.directory, "ballast-of-the-test");
  }
}

/** Of a volume that nobody needs any more, whoever made it. */
export async function unmount(directory: string): Promise<void> {
  // One whose stall was never released would hold up the end of whoever writes there.
  await tryTool(["fsfreeze", "-u", directory]);
  await toolWith(["umount", "--lazy", directory], { withinMs: 60_000 });
}

/** Something to write, for tests of the volume itself. */
export async function canWrite(volume: Volume, withinMs: number): Promise<boolean> {
  const file = join(volume.directory, `probe-${randomUUID()}`);
  const written = writeFile(file, "x".repeat(8192), { flush: true }).then(
    () => true,
    () => false,
  );
  return Promise.race([written, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), withinMs))]);
}
