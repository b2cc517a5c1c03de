/**
 * The machine under the members of this host: room on disk, load, and how long work waits for memory, processors and
 * disks (the kernel's pressure figures). Thresholds are those that Fly's checks have.
 */
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { lookAtHooks } from "../../drivers/hooks/look.ts";
import { formatSize } from "../../contract/units.ts";
import type { Check, Found } from "./line.ts";

export interface Machine {
  readonly host: string;
  /** volumes of the members that are asked about */
  readonly volumes: readonly {
    readonly member: string;
    readonly path: string;
    readonly limitBytes: number | undefined;
  }[];
  /** of a volume with a size of its own */
  readonly usedBytes: (path: string) => Promise<number>;
  readonly cluster: string;
  /** where the user's own programs for a server's turns lie */
  readonly hooksDirectory: string;
}

const freeMin = 0.1;
/** For each processor, over 1, 5 and 15 minutes. */
const loadMax = [10, 4, 2] as const;
const pressureMax = 10;

export function machineChecks(machine: Machine): readonly Check[] {
  const { host, volumes } = machine;
  const own = { group: "vm", member: null, host } as const;
  return [
    ...volumes.map((volume) => ({ ...own, member: volume.member, check: "disk", look: () => disk(machine, volume) })),
    { ...own, check: "load", look: load },
    ...(["memory", "cpu", "io"] as const).map((what) => ({ ...own, check: what, look: () => pressure(what) })),
    { ...own, check: "hooks", look: () => hooks(machine) },
  ];
}

async function disk({ usedBytes, cluster }: Machine, { path, limitBytes }: Machine["volumes"][number]): Promise<Found> {
  const { bsize, blocks, bavail } = await statfs(path);
  const total = Math.min(limitBytes ?? Number.POSITIVE_INFINITY, bsize * blocks);
  const room = limitBytes === undefined ? Number.POSITIVE_INFINITY : Math.max(0, limitBytes - (await usedBytes(path)));
  const free = Math.min(bsize * bavail, room);
  const message = `${formatSize(free)} of ${formatSize(total)} free (${percent(free / total)})`;
  if (free / total >= freeMin) return { ok: true, message };
  const larger = limitBytes === undefined ? "Make room on the file system" : `matriarch volume extend ${cluster} +10GB`;
  return {
    ok: false,
    message: `${message}, less than ${percent(freeMin)}`,
    hint: `A full disk ends writes. ${larger}; see what takes the room: matriarch volume list ${cluster}`,
  };
}

async function load(): Promise<Found> {
  const cpus = availableParallelism();
  const perCpu = loadavg().map((value) => value / cpus);
  const message = `${perCpu.map((value) => value.toFixed(2)).join(", ")} per processor, of ${cpus}`;
  const isHigh = loadMax.some((most, at) => (perCpu[at] ?? 0) > most);
  if (!isHigh) return { ok: true, message };
  return {
    ok: false,
    message: `${message}; at most ${loadMax.join(", ")}`,
    hint: "More work waits than the machine can do. Look for what takes it (top), or give it more processors.",
  };
}

const remedies = {
  memory: "Work waits for memory: give the machine more, or the members less (matriarch scale --memory).",
  cpu: "Work waits for processors: look for what takes them (top), or give the machine more.",
  io: "Work waits for disks: look for what reads and writes so much (iotop), or take a faster disk.",
} as const;

async function pressure(what: keyof typeof remedies): Promise<Found> {
  const text = await readFile(`/proc/pressure/${what}`, "utf8").catch(() => undefined);
  if (text === undefined) return { ok: true, message: "the kernel of this machine does not count it" };
  const waits = pressureOf(text);
  const message = `work waited ${waits.join(", ")} % of the time`;
  if (waits.every((share) => share <= pressureMax)) return { ok: true, message };
  return { ok: false, message: `${message}; at most ${pressureMax} %`, hint: remedies[what] };
}

async function hooks({ hooksDirectory }: Machine): Promise<Found> {
  const { ready, problems } = await lookAtHooks(hooksDirectory);
  if (problems.length === 0) return { ok: true, message: ready.length === 0 ? "none" : ready.join(", ") };
  return {
    ok: false,
    message: problems.join("; "),
    hint: `Rename or correct them in ${hooksDirectory}; nothing has to be restarted.`,
  };
}

/** avg10, avg60, avg300 of the line `some`. Source: Linux, Documentation/accounting/psi.rst. */
export function pressureOf(text: string): readonly number[] {
  const some = /^some avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+)/m.exec(text);
  return some ? some.slice(1, 4).map(Number) : [0, 0, 0];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
