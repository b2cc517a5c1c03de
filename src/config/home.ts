/**
 * Where an installation keeps its state, and the paths inside. Called by the command line and by the agent's entry, so
 * that both look at the same place. Never creates anything but the home directory itself.
 */
import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { OpError } from "../errors/op-error.ts";

export interface HomePaths {
  readonly home: string;
  /** the agent's API */
  readonly socket: string;
  /** who serves it: the process of the agent that runs, or of one that was killed */
  readonly pid: string;
  readonly log: string;
  readonly store: string;
  /** of several hosts: what was read of the store last, and which etcd it was */
  readonly remembered: string;
  readonly knownStore: string;
  readonly events: string;
  /** how the volumes of this host grew */
  readonly usage: string;
  readonly ca: string;
  readonly engines: string;
  readonly templates: string;
  readonly clusters: string;
  readonly run: string;
  /** the user's own programs, see docs/customise.md */
  readonly hooks: string;
  /** settings of the agent, see agent-options.ts */
  readonly options: string;
}

/** Bytes that a Unix socket's path may have, less one: 108 on Linux, 104 on macOS. Source: unix(7), sys/un.h. */
const socketPathBytesMax = process.platform === "darwin" ? 103 : 107;

/** `MATRIARCH_HOME`, else /var/lib/matriarch for root, else the XDG data directory. */
export function resolveHome(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (env["MATRIARCH_HOME"]) return resolve(env["MATRIARCH_HOME"]);
  if (uid === 0) return "/var/lib/matriarch";
  const data = env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local", "share");
  return join(resolve(data), "matriarch");
}

export function homePaths(home: string): HomePaths {
  return {
    home,
    socket: join(home, "agent.sock"),
    pid: join(home, "agent.pid"),
    log: join(home, "agent.log"),
    store: join(home, "store.sqlite"),
    remembered: join(home, "remembered.json"),
    knownStore: join(home, "store-known.json"),
    events: join(home, "events.sqlite"),
    usage: join(home, "usage.sqlite"),
    ca: join(home, "ca"),
    engines: join(home, "engines"),
    templates: join(home, "templates"),
    clusters: join(home, "clusters"),
    run: join(home, "run"),
    hooks: join(home, "hooks"),
    options: join(home, "agent.json"),
  };
}

/**
 * Makes the home directory and checks that it will do.
 * @throws OpError home-unwritable, with what to do
 */
export function prepareHome(home: string): HomePaths {
  const paths = homePaths(home);
  refuseLongPath(paths.socket, home);
  try {
    mkdirSync(home, { recursive: true, mode: process.getuid?.() === 0 ? 0o755 : 0o700 });
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(home, error);
  }
  if (process.getuid?.() === 0) letServersThrough(home);
  return paths;
}

function refuseLongPath(socket: string, home: string): void {
  const bytes = Buffer.byteLength(socket);
  if (bytes <= socketPathBytesMax) return;
  throw new OpError("home-unwritable", {
    message: `the path of the home directory "${home}" is too long`,
    detail: `A Unix socket in it would have a path of ${bytes} bytes; the system allows ${socketPathBytesMax}.`,
    hint: "Set MATRIARCH_HOME to a shorter path.",
  });
}

function unwritable(home: string, cause: unknown): OpError {
  return new OpError("home-unwritable", {
    message: `the home directory "${home}" cannot be written`,
    detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
    hint: "Set MATRIARCH_HOME to a directory that you can write, or change the owner of this one.",
    cause,
  });
}

/** Root's servers run as another user, who must be able to walk to their directories. */
function letServersThrough(home: string): void {
  const mode = statSync(home).mode;
  if ((mode & 0o011) !== 0o011) chmodSync(home, (mode & 0o7777) | 0o011);
  for (let above = dirname(home); ; above = dirname(above)) {
    if ((statSync(above).mode & 0o001) === 0) throw unreachable(home, above);
    if (above === dirname(above)) return;
  }
}

function unreachable(home: string, above: string): OpError {
  return new OpError("home-unwritable", {
    message: `the home directory "${home}" cannot be reached by the user that Postgres runs as`,
    detail: `Postgres does not run as root, and "${above}" lets no other user through.`,
    hint: `Set MATRIARCH_HOME to another directory, or run: chmod o+x ${above}`,
  });
}
