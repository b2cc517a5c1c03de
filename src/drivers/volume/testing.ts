/**
 * File systems of a test's own, on loop devices: made, mounted, and taken away when the test ends. For tests only;
 * needs root.
 */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

export type TestFileSystem = "ext4" | "xfs" | "btrfs";

const make: Readonly<Record<TestFileSystem, readonly string[]>> = {
  ext4: ["mkfs.ext4", "-q", "-F"],
  xfs: ["mkfs.xfs", "-q", "-f", "-m", "reflink=1"],
  btrfs: ["mkfs.btrfs", "-q", "-f"],
};

export interface LoopMount {
  readonly directory: string;
  /** Work that is done before it is taken away: what is still at work on it would keep it. */
  before(work: () => Promise<unknown>): void;
}

/** @returns the mounted file system, or why this machine cannot have one */
export async function mountLoop(
  t: Pick<TestContext, "after">,
  type: TestFileSystem,
  { options = [], megabytes = 400 }: { readonly options?: readonly string[]; readonly megabytes?: number } = {},
): Promise<LoopMount | string> {
  if (process.getuid?.() !== 0) return "only root can mount a file system";
  const above = await mkdtemp(join(tmpdir(), "matriarch-pool-"));
  let isMounted = false;
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const work of endings.toReversed()) await work();
    if (isMounted) await run("umount", [join(above, "pool")]);
    await rm(above, { recursive: true, force: true });
  });
  await chmod(above, 0o755);
  const [image, directory] = [join(above, "image"), join(above, "pool")];
  const [program = "", ...args] = make[type];
  try {
    await run("mkdir", [directory]);
    await run("truncate", ["--size", `${megabytes}M`, image]);
    await run(program, [...args, image]);
    await run("mount", ["-t", type, "-o", ["loop", ...options].join(","), image, directory]);
    isMounted = true;
  } catch (error) {
    const said = error instanceof Error ? (error.message.split("\n").at(1) ?? error.message) : String(error);
    return `${type} with options "${options.join(",")}" cannot be mounted here: ${said}`;
  }
  await chmod(directory, 0o755);
  return { directory, before: (work) => void endings.push(work) };
}
