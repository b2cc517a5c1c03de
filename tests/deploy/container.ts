/**
 * A container of an image, as a runtime starts it: processes, mounts, network and name of its own, the image's entrypoint
 * as its first process, a volume over the home. Stopped by the signal that `docker stop` sends.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { until } from "../faults/until.ts";
import { mounts, type Image } from "./image.ts";

export interface ContainerWish {
  readonly image: Image;
  /** a directory of this machine, mounted over the image's volume */
  readonly volume: string;
  /** of the container; it knows itself by it */
  readonly name: string;
  /** IPv4, on an interface of its own */
  readonly address: string;
  readonly environment: Readonly<Record<string, string>>;
}

export class Container {
  /** its first process, as this machine counts */
  readonly pid: number;
  readonly #wish: ContainerWish;
  readonly #child: ChildProcess;
  #said = "";

  private constructor(wish: ContainerWish, child: ChildProcess, pid: number) {
    this.#wish = wish;
    this.#child = child;
    this.pid = pid;
  }

  static async start(wish: ContainerWish): Promise<Container> {
    const { image, volume, name, address, environment } = wish;
    const network = [
      `hostname ${name}; ip link set lo up; ip link add eth0 type veth peer name out; ip link set out up;`,
      `ip address add ${address}/24 dev eth0; ip link set eth0 up;`,
      `printf '127.0.0.1 localhost\\n${address} ${name}\\n' >"$0/etc/hosts";`,
      `mount --bind ${volume} "$0${image.volumes[0]}";`,
    ].join(" ");
    const words = Object.entries({ ...image.environment, HOME: "/root", ...environment });
    const flags = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"];
    const first = ["env", "-i", ...words.map(([key, value]) => `${key}=${value}`), ...image.entrypoint];
    const script = `${network} ${mounts} exec chroot "$0" "$@"`;
    const child = spawn("unshare", [...flags, "/bin/sh", "-ec", script, image.directory, ...first], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const pid = await until("the container's first process", async () => {
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").catch(() => "");
      const found = Number(children.trim().split(" ")[0]);
      return found > 0 ? found : undefined;
    });
    const container = new Container(wish, child, pid);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (container.#said += text));
    return container;
  }

  /** All that its first process printed. */
  get log(): string {
    return this.#said;
  }

  /** As `docker exec`: as root, with the image's environment. */
  async exec(...words: readonly string[]): Promise<string> {
    const { image } = this.#wish;
    const environment = Object.entries({ ...image.environment, HOME: "/root", ...this.#wish.environment });
    const inside = ["--target", String(this.pid), "--mount", "--pid", "--net", "--ipc", "--uts"];
    const assigned = environment.map(([key, value]) => `${key}=${value}`);
    const all = [...inside, "chroot", image.directory, "/usr/bin/env", "-i", ...assigned, ...words];
    return (await promisify(execFile)("nsenter", all, { timeout: 180_000 })).stdout;
  }

  async isWell(): Promise<boolean> {
    return this.exec(...this.#wish.image.health).then(
      () => true,
      () => false,
    );
  }

  /** @returns how long it took, milliseconds */
  async stop(): Promise<number> {
    const begun = performance.now();
    process.kill(this.pid, "SIGTERM");
    await this.ended();
    return performance.now() - begun;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async ended(): Promise<void> {
    if (!this.hasEnded) await once(this.#child, "exit");
  }

  /** At the end of a test that failed; nothing of it outlives its first process. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    process.kill(this.pid, "SIGKILL");
    await this.ended();
  }
}
