/** Finds the PgBouncer that the machine's packages brought. Called by whoever turns a pool on, and by process.ts. */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../errors/op-error.ts";

/** Also where a user's PATH does not lead: Debian has it among the administrator's programs. */
const places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

export interface PgbouncerProgram {
  readonly path: string;
  /** `1.18.0` */
  readonly version: string;
}

/**
 * That of MATRIARCH_PGBOUNCER where it is set, for a build of one's own; else the first of PATH and the usual places.
 * @throws OpError pooler-missing, with the command that installs it
 */
export async function findPgbouncer(environment: NodeJS.ProcessEnv = process.env): Promise<PgbouncerProgram> {
  for (const path of candidates(environment)) {
    const found = await openProgram(path);
    if (found) return found;
  }
  throw new OpError("pooler-missing", {
    message: "PgBouncer is not installed on this machine",
    detail: "The pooled endpoint is PgBouncer, which comes with the system's packages. Nothing was changed.",
    hint: `Install it with: ${await installCommand()}`,
  });
}

function candidates({ MATRIARCH_PGBOUNCER: own, PATH = "" }: NodeJS.ProcessEnv): readonly string[] {
  if (own) return [own];
  const searched = PATH.split(delimiter).filter((path) => path !== "");
  return [...new Set([...searched, ...places])].map((directory) => join(directory, "pgbouncer"));
}

async function openProgram(path: string): Promise<PgbouncerProgram | undefined> {
  try {
    await access(path, constants.X_OK);
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 5000 });
    const version = /^PgBouncer (\d+\.\d+(?:\.\d+)?)/m.exec(stdout)?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}

async function installCommand(): Promise<string> {
  if (process.platform === "darwin") return "brew install pgbouncer";
  const hasDnf = await access("/usr/bin/dnf", constants.X_OK).then(
    () => true,
    () => false,
  );
  return hasDnf ? "dnf install -y pgbouncer" : "apt-get install -y pgbouncer";
}
