/**
 * Whom the servers' processes and directories belong to. Postgres refuses to run as root, so a root agent needs another
 * user. Called once when the agent starts. Never creates a user.
 */
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import type { ServerOwner } from "../port.ts";

/**
 * @param clusters directory of the members: whom they belong to already stays, although a package has brought a better
 *   user since
 * @returns undefined when the agent is not root: servers run as the agent's own user. Else the first that exists of
 * `postgres` (what every packaging makes), `_postgres` (macOS), the person who called sudo, and `nobody`, which is there
 * in bare containers. The directories are 0700, so another process of that user is what the choice trusts.
 */
export async function chooseServerOwner(clusters?: string): Promise<ServerOwner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const present = clusters === undefined ? undefined : await ownerOfMembers(clusters);
  if (present !== undefined) return present;
  for (const name of ["postgres", "_postgres", process.env["SUDO_USER"], "nobody"]) {
    const owner = name === undefined || name === "" ? undefined : await findUser(name);
    if (owner !== undefined) return owner;
  }
  throw new OpError("not-supported", {
    message: "there is no user to run Postgres as",
    detail: "Postgres refuses to run as root.",
    hint: "Create one with: useradd --system --create-home postgres",
  });
}

async function findUser(name: string): Promise<ServerOwner | undefined> {
  const owner = parsePasswd(await passwdLines(name)).find((user) => user.name === name);
  return owner !== undefined && owner.uid > 0 && owner.gid > 0 ? owner : undefined;
}

async function ownerOfMembers(clusters: string): Promise<ServerOwner | undefined> {
  for (const cluster of await namesIn(clusters)) {
    for (const member of await namesIn(join(clusters, cluster))) {
      const found = await stat(join(clusters, cluster, member, "data")).catch(() => undefined);
      if (found === undefined || found.uid === 0) continue;
      return parsePasswd(await passwdLines(String(found.uid))).find(({ uid }) => uid === found.uid);
    }
  }
  return undefined;
}

function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

/** From every source that the machine has (files, directory services); macOS has no getent and lists its own in the file. */
async function passwdLines(name: string): Promise<string> {
  try {
    return (await promisify(execFile)("getent", ["passwd", name], { timeout: 5000 })).stdout;
  } catch {
    return readFile("/etc/passwd", "utf8");
  }
}

export function parsePasswd(text: string): readonly ServerOwner[] {
  return text.split("\n").flatMap((line) => {
    const [name, , uid, gid, , home] = line.split(":");
    if (!name || name.startsWith("#") || home === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home }];
  });
}
