/**
 * pg_dump, pg_restore and psql of this machine, which an import needs and the embedded engines do not have. Called by
 * installation/imports. Installs nothing: it says what to install.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packagedTools } from "../engine/system.ts";

export interface ClientTools {
  readonly major: number;
  readonly pgDump: string;
  readonly pgRestore: string;
  readonly psql: string;
}

/** All that are installed, newest first. */
export async function findClientTools(): Promise<readonly ClientTools[]> {
  const found = await packagedTools(["pg_dump", "pg_restore", "psql"]);
  return found
    .map(({ major, directory }) => ({
      major,
      pgDump: join(directory, "pg_dump"),
      pgRestore: join(directory, "pg_restore"),
      psql: join(directory, "psql"),
    }))
    .toSorted((a, b) => b.major - a.major);
}

/**
 * Those that read the source, of these the oldest: newer ones write what older targets do not know.
 * @returns undefined when none is new enough
 */
export function chooseTools(tools: readonly ClientTools[], sourceMajor: number): ClientTools | undefined {
  return tools.filter(({ major }) => major >= sourceMajor).at(-1);
}

/** Before 17 servers do not know transaction_timeout, which pg_restore of 17 and later sets. */
export function restoresInto({ major }: ClientTools, targetMajor: number): boolean {
  return major <= targetMajor || major < 17 || targetMajor >= 17;
}

/** To be pasted as it is. Majors that the distribution itself has come without another source of packages. */
const debianMajors: Readonly<Record<string, number>> = {
  "debian 11": 13,
  "debian 12": 15,
  "debian 13": 17,
  "ubuntu 22.04": 14,
  "ubuntu 24.04": 16,
  "ubuntu 26.04": 18,
};

export async function installToolsCommand(major: number): Promise<string> {
  if (process.platform === "darwin") return `brew install postgresql@${major}`;
  const release = parseRelease(await readFile("/etc/os-release", "utf8").catch(() => ""));
  const id = release.get("ID") ?? "";
  const like = `${id} ${release.get("ID_LIKE") ?? ""}`;
  if (/debian|ubuntu/.test(like)) return aptCommand(`${id} ${release.get("VERSION_ID") ?? ""}`, major);
  if (/rhel|fedora|centos/.test(like)) return `dnf install -y postgresql${major}   (packages of yum.postgresql.org)`;
  if (id === "alpine") return `apk add postgresql${major}-client`;
  return `install the client programs of Postgres ${major} or newer (https://www.postgresql.org/download/)`;
}

export function aptCommand(release: string, major: number): string {
  const own = debianMajors[release] ?? 0;
  if (own >= major) return `apt-get install -y postgresql-client-${own}`;
  const pgdg = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y";
  return `apt-get install -y postgresql-common ca-certificates && ${pgdg} && apt-get install -y postgresql-client-${major}`;
}

function parseRelease(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").map((line) => /^([A-Z_]+)="?([^"]*)"?$/.exec(line));
  return new Map(lines.flatMap((line) => (line ? [[line[1] ?? "", line[2] ?? ""] as const] : [])));
}
