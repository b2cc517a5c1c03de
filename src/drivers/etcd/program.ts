/** The etcd server of the system's packages. Called before a host is made or joins, and when the agent starts. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OpError } from "../../errors/op-error.ts";

export interface EtcdProgram {
  readonly path: string;
  /** 3.4.23 */
  readonly version: string;
}

/** Where Debian, Fedora and those who unpack the project's own archive put it; then wherever the PATH leads. */
const usualPaths = ["/usr/bin/etcd", "/usr/local/bin/etcd", "etcd"];

/** @throws OpError etcd-missing, with what to type */
export async function findEtcd(paths: readonly string[] = usualPaths): Promise<EtcdProgram> {
  for (const path of paths) {
    const version = await versionOf(path);
    if (version === undefined) continue;
    if (isUsable(version)) return { path, version };
    throw new OpError("etcd-missing", {
      message: `etcd ${version} is too old`,
      detail: `It is "${path}". Matriarch works with 3.4 and newer.`,
      hint: "Install a newer one, or use an etcd that you have with: matriarch host init --store https://…",
    });
  }
  throw new OpError("etcd-missing", {
    message: "etcd is not installed on this host",
    detail: "The first three hosts keep the state of the installation in etcd.",
    hint: "Install it with: apt-get install etcd-server",
  });
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 10_000 });
    return /etcd Version: (\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    // Not there, or not to be run: the next path.
    return undefined;
  }
}

function isUsable(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 3 && minor >= 4;
}
