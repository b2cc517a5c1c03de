/** Which file system a path is on, and how it is mounted. Called when the pool is opened. Only reads. */
import { readFile, realpath } from "node:fs/promises";

export interface Mount {
  readonly directory: string;
  /** `ext4`, `xfs`, `btrfs`, … */
  readonly type: string;
  /** of the file system itself: `prjquota`, `noquota`, … */
  readonly options: readonly string[];
}

/** @returns undefined where the system keeps no such list */
export async function mountOf(path: string): Promise<Mount | undefined> {
  const text = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return chooseMount(parseMounts(text), await realpath(path));
}

/** Source: proc(5), mountinfo: six fields and optional ones, a dash, type, source, options of the file system. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ");
    const directory = before?.split(" ")[4];
    const [type, , options] = after?.split(" ") ?? [];
    if (directory === undefined || type === undefined) return [];
    return [{ directory: unescaped(directory), type, options: (options ?? "").split(",") }];
  });
}

/** The longest that the path is under; of several at one place the last, which hides the others. */
export function chooseMount(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (isUnder(path, mount.directory) && mount.directory.length >= (best?.directory.length ?? 0)) best = mount;
  }
  return best;
}

function isUnder(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/** Blanks and the like stand as three octal digits. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
