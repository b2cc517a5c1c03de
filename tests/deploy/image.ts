/**
 * What `docker build` would make of the Dockerfile, made without a registry and a daemon: each stage is a copy of Debian's
 * base system, as debootstrap makes it, in which the Dockerfile's own steps are carried out in a namespace of their own.
 * Nothing here knows what is in them. Needs root and the network.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import {
  parseCopy,
  parseDockerfile,
  parseEnvironment,
  parseWords,
  type Instruction,
  type Stage,
} from "./dockerfile.ts";

const root = resolve(import.meta.dirname, "../..");
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const stepMs = 900_000;
/** Kept between runs: the distribution's base system as it comes. */
const base = process.env["MATRIARCH_TEST_DEBIAN"] ?? "/tmp/matriarch-test-debian-bookworm";

export interface Image {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly health: readonly string[];
  readonly volumes: readonly string[];
}

export async function buildImage(file: string, work: string, tell: (line: string) => void): Promise<Image> {
  await ensureBase(tell);
  const stages = parseDockerfile(await readFile(join(root, file), "utf8"));
  const made = new Map<string, string>();
  let directory = "";
  for (const [at, stage] of stages.entries()) {
    directory = join(work, `stage-${at}`);
    if (!/^debian:bookworm(-slim)?$/.test(stage.base))
      throw new Error(`only Debian 12 is known here, not ${stage.base}`);
    const done = await beginStage(stage, directory, tell);
    await carryOut(stage.instructions.slice(done), directory, { made, tell });
    await rm(join(directory, authority), { force: true });
    if (stage.alias !== undefined) made.set(stage.alias, directory);
  }
  return imageOf(stages.at(-1), directory);
}

function imageOf(stage: Stage | undefined, directory: string): Image {
  const of = (name: string): readonly string[] =>
    (stage?.instructions ?? []).filter((one) => one.name === name).map(({ text }) => text);
  const environment = Object.assign({ PATH: usualPath }, ...of("ENV").map(parseEnvironment));
  return {
    directory,
    environment,
    entrypoint: parseWords(of("ENTRYPOINT").at(-1) ?? ""),
    health: parseWords(of("HEALTHCHECK").at(-1) ?? ""),
    volumes: of("VOLUME").flatMap((text) => text.split(/\s+/)),
  };
}

async function ensureBase(tell: (line: string) => void): Promise<void> {
  if (await stat(base).catch(() => undefined)) return;
  tell("fetching Debian's base system");
  const partial = `${base}.${process.pid}`;
  try {
    await run("debootstrap", ["--variant=minbase", "bookworm", partial]);
    await rename(partial, base);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** As builders do it: steps that the checkout has no part in are kept, and not carried out again. @returns how many */
async function beginStage(stage: Stage, directory: string, tell: (line: string) => void): Promise<number> {
  const [first] = stage.instructions;
  const hasOwn = first?.name === "RUN";
  const key = createHash("sha256").update(`${stage.base} ${first?.text}`).digest("hex").slice(0, 12);
  const kept = `${base}-${key}`;
  const isKept = hasOwn && (await stat(kept).catch(() => undefined)) !== undefined;
  await run("cp", ["-a", "--reflink=auto", isKept ? kept : base, directory]);
  await cp("/etc/resolv.conf", join(directory, "etc/resolv.conf"), { dereference: true });
  const extra = process.env["NODE_EXTRA_CA_CERTS"];
  if (extra !== undefined) await cp(extra, join(directory, authority), { dereference: true });
  if (!hasOwn || isKept) return isKept ? 1 : 0;
  await carryOut([first], directory, { made: new Map(), tell });
  await run("cp", ["-a", "--reflink=auto", directory, `${kept}.${process.pid}`]);
  await rename(`${kept}.${process.pid}`, kept);
  return 1;
}

/** What this machine trusts besides, for as long as steps are carried out. */
const authority = "run/authority-of-this-machine.crt";

interface Around {
  /** directories of the stages before, by their names */
  readonly made: ReadonlyMap<string, string>;
  readonly tell: (line: string) => void;
}

async function carryOut(instructions: readonly Instruction[], directory: string, around: Around): Promise<void> {
  let place = "/";
  let environment: Readonly<Record<string, string>> = { PATH: usualPath, HOME: "/root" };
  for (const { name, text } of instructions) {
    if (name === "WORKDIR") {
      place = text;
      await mkdir(join(directory, place), { recursive: true });
    } else if (name === "ENV") environment = { ...environment, ...parseEnvironment(text) };
    else if (name === "COPY") await copy(text, { directory, place, made: around.made });
    else if (name === "RUN") {
      around.tell(`RUN ${text.slice(0, 70)}`);
      await inside(directory, environment, `cd ${place} && ${text}`);
    } else if (!/^(VOLUME|EXPOSE|ENTRYPOINT|STOPSIGNAL|HEALTHCHECK)$/.test(name))
      throw new Error(`${name} is not known here`);
  }
}

interface CopyPlace {
  readonly directory: string;
  readonly place: string;
  readonly made: ReadonlyMap<string, string>;
}

async function copy(text: string, { directory, place, made }: CopyPlace): Promise<void> {
  const { from, mode, sources, target } = parseCopy(text);
  const origin = from === undefined ? root : made.get(from);
  if (origin === undefined) throw new Error(`there is no stage ${from}`);
  for (const source of sources) {
    const path = join(origin, source);
    const isDirectory = (await stat(path)).isDirectory();
    const asIn = join(directory, resolve(place, target));
    // A file goes into a directory; of a directory it is what is in it.
    const to =
      !isDirectory && (target.endsWith("/") || sources.length > 1) ? join(asIn, source.split("/").at(-1) ?? "") : asIn;
    await mkdir(dirname(to), { recursive: true });
    await run("cp", ["-a", "--no-preserve=ownership", ...(isDirectory ? ["-T"] : []), path, to]);
    if (mode !== undefined) await run("chmod", [mode, to]);
  }
}

/** With processes, mounts and /tmp of its own; only the network is this machine's. */
function inside(directory: string, environment: Readonly<Record<string, string>>, command: string): Promise<void> {
  const trust = process.env["NODE_EXTRA_CA_CERTS"] === undefined ? {} : { NODE_EXTRA_CA_CERTS: `/${authority}` };
  const words = Object.entries({ ...environment, ...trust }).map(([name, value]) => `${name}=${value}`);
  const flags = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"];
  const step = ["env", "-i", ...words, "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-c", command];
  return run("unshare", [...flags, "/bin/sh", "-c", `${mounts} exec chroot "$0" "$@"`, directory, ...step]);
}

/** `$0` is the image's directory. */
export const mounts = [
  'mount -t proc proc "$0/proc";',
  'mount -t tmpfs tmpfs "$0/dev";',
  'for name in null zero full random urandom tty; do : >"$0/dev/$name"; mount --bind "/dev/$name" "$0/dev/$name"; done;',
  'ln -s /proc/self/fd "$0/dev/fd"; mkdir "$0/dev/shm"; mount -t tmpfs tmpfs "$0/dev/shm";',
  'mount -t tmpfs tmpfs "$0/tmp"; chmod 1777 "$0/tmp" "$0/dev/shm";',
].join(" ");

async function run(program: string, args: readonly string[]): Promise<void> {
  const limits = { timeout: stepMs, maxBuffer: 64 * 1024 * 1024 };
  await promisify(execFile)(program, [...args], limits).catch((error: unknown) => {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).slice(-2000) : String(error);
    throw new Error(`${program} ${args.slice(-1).join("").slice(0, 200)}: ${said}`);
  });
}
