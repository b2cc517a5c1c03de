/**
 * A bare Debian machine: debootstrap's root file system, booted with its own systemd by systemd-nspawn. What is run on
 * it runs in a scope of its own, as in a login over ssh. Used by the trial on bare machines.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { appendFile, copyFile, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "../../faults/until.ts";
import { tool, toolWith, tryTool, type Ran } from "../lab/shell.ts";

const bootMs = 60_000;
const login = { HOME: "/root", PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };
/** of what a failed command said */
const tailLines = 40;
/** additional authorities of this machine, which its way out may need */
const trust = "/usr/local/share/ca-certificates";

/** debootstrap's result, made once. @param directory kept for the next trial */
export async function debianBase(directory: string): Promise<string> {
  const base = join(directory, "bookworm");
  if (existsSync(base)) return base;
  const draft = `${base}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await toolWith(["debootstrap", "--include=ca-certificates", "bookworm", draft], { withinMs: 900_000 });
  await rename(draft, base);
  return base;
}

export class BareMachine implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly #directory: string;
  readonly #network: string;
  #nspawn: ChildProcess | undefined;

  constructor(name: string, address: string, directory: string, network: string) {
    this.name = name;
    this.address = address;
    this.#directory = join(directory, name);
    this.#network = network;
  }

  /** What was written on it since it was bare. */
  get disk(): string {
    return join(this.#directory, "disk");
  }

  get root(): string {
    return join(this.#directory, "root");
  }

  /**
   * Its disk: what it writes lies beside the base, which stays as it is.
   * @param base directories, the uppermost first, with colons between
   */
  async install(base: string, source: string): Promise<void> {
    for (const name of ["root", "disk", "work"]) await mkdir(join(this.#directory, name), { recursive: true });
    const layers = `lowerdir=${base},upperdir=${this.disk},workdir=${join(this.#directory, "work")}`;
    await tool("mount", "-t", "overlay", "overlay", "-o", layers, this.root);
    await writeFile(join(this.root, "etc/hostname"), `${this.name}\n`);
    await appendFile(join(this.root, "etc/hosts"), `127.0.1.1 ${this.name}\n`);
    // Empty, not missing: systemd would enable at its "first boot" what step 1 had disabled (machine-id(5)).
    await writeFile(join(this.root, "etc/machine-id"), "");
    await copyFile("/etc/resolv.conf", join(this.root, "etc/resolv.conf"));
    await rm(join(this.root, "srv/matriarch.git"), { recursive: true, force: true });
    await tool("cp", "-a", source, join(this.root, "srv/matriarch.git"));
    const own = existsSync(trust) ? (await readdir(trust)).filter((name) => name.endsWith(".crt")) : [];
    for (const name of own) await copyFile(join(trust, name), join(this.root, trust, name));
    if (own.length > 0) await this.#trustOwn();
  }

  async boot(): Promise<void> {
    const flags = ["--boot", "--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", "--console=pipe"];
    const place = [`--network-namespace-path=${this.#network}`, `--directory=${this.root}`, `--hostname=${this.name}`];
    const console = await open(join(this.#directory, "console.log"), "a");
    this.#nspawn = spawn("systemd-nspawn", [...flags, ...place], {
      stdio: ["ignore", console.fd, console.fd],
      env: { PATH: login.PATH, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "0" },
    });
    await console.close();
    await this.isUp();
  }

  /** Booted to the end: systemd has nothing more to start. */
  async isUp(): Promise<void> {
    await until(
      `${this.name} to boot`,
      async () => {
        if (this.#init() === undefined) return undefined;
        const { stdout } = await this.#inside(["systemctl", "is-system-running"], 10_000);
        return /running|degraded/.test(stdout) ? true : undefined;
      },
      { withinMs: bootMs },
    );
  }

  /** As a person types it after a login. Never throws for its exit code. */
  run(script: string, withinMs = 600_000): Promise<Ran> {
    return this.#inside(
      ["systemd-run", "--scope", "--quiet", "--collect", "bash", "-c", `set -e\n${script}`],
      withinMs,
    );
  }

  async ok(script: string, withinMs?: number): Promise<string> {
    const ran = await this.run(script, withinMs);
    if (ran.code === 0) return ran.stdout;
    const words = `${ran.stdout}\n${ran.stderr}`.trim().split("\n").slice(-tailLines).join("\n");
    throw new Error(`${this.name}: exit code ${ran.code} of\n${script}\n${words}`);
  }

  /** systemd-nspawn ends then, and whoever started it is to start it again. */
  async reboot(): Promise<void> {
    const nspawn = this.#nspawn;
    await this.#inside(["systemctl", "reboot"], 10_000);
    await until(`${this.name} to go down`, () => (nspawn?.exitCode === null ? undefined : true), { withinMs: 120_000 });
    await this.boot();
  }

  /** As if the plug was pulled: its processes go with its namespace. `boot` switches it on again. */
  async powerOff(): Promise<void> {
    const nspawn = this.#nspawn;
    if (nspawn?.exitCode !== null || nspawn.signalCode !== null) return;
    const ended = once(nspawn, "exit");
    const init = this.#init();
    if (init !== undefined) process.kill(init, "SIGKILL");
    nspawn.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerOff();
    await tryTool(["umount", "--recursive", this.root]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Pid outside of the machine's systemd; undefined while it is down. */
  #init(): number | undefined {
    const pid = this.#nspawn?.pid;
    if (pid === undefined) return undefined;
    const children = readOr(`/proc/${pid}/task/${pid}/children`).trim().split(" ").map(Number);
    return children.find((child) => child > 0 && /systemd/.test(readOr(`/proc/${child}/comm`)));
  }

  #inside(command: readonly string[], withinMs: number): Promise<Ran> {
    const init = this.#init();
    if (init === undefined) return Promise.resolve({ code: null, stdout: "", stderr: `${this.name} is down` });
    return tryTool(["nsenter", "--target", String(init), "--all", ...command], { env: login, cwd: "/", withinMs });
  }

  async #trustOwn(): Promise<void> {
    await tool("chroot", this.root, "update-ca-certificates");
    await writeFile(join(this.root, "root/.npmrc"), "cafile=/etc/ssl/certs/ca-certificates.crt\n");
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
