/** Names the machine and the moment of a measurement: figures without them say nothing. Used by every bench. */
import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** @param directory where the data was, for its file system */
export function describeMachine(directory: string, postgres: string): readonly string[] {
  const processors = cpus();
  return [
    `${processors.length} cores, ${processors[0]?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release()}, data on ${fileSystemOf(directory)}`,
    `Postgres ${postgres}, Node ${process.version}, Matriarch at ${commit()}`,
  ];
}

/** How busy the machine is with everything, over the last minute. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(2);
}

export function today(): string {
  return new Date().toISOString().slice(0, 16).replace("T", " ");
}

/** Source: magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
};

function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return fileSystems[type] ?? `file system ${type.toString(16)}`;
}

function commit(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync("git", ["-C", root, ...args], { encoding: "utf8" }).trim();
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "src") === "" ? "" : " with changes"}`;
  } catch {
    return (/"version": "([^"]+)"/.exec(readFileSync(join(root, "package.json"), "utf8")) ?? [])[1] ?? "unknown";
  }
}
