/**
 * A member's new data directory from another member. Called by the member's server, which is stopped. The old directory
 * stays untouched until the new one is complete and on disk.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseError } from "pg";
import { OpError } from "../../../errors/op-error.ts";
import type { CloneProgress, MemberServerConfig, Upstream } from "../port.ts";
import { syncFileSystem } from "../provision/durable.ts";
import { reserveSlot } from "../server/slots.ts";
import { Session } from "../session/session.ts";
import { baseBackup } from "./base-backup.ts";
import { canReadFiles, copyFiles, discard } from "./copy-files.ts";
import { putInPlace, swapPaths } from "./swap.ts";

const openMs = 5000;
const askMs = 10_000;

export async function cloneDirectory(
  config: MemberServerConfig,
  source: Upstream,
  progress: (progress: CloneProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const paths = swapPaths(config.dataDirectory);
  await discard(paths.building);
  await config.volume?.make();
  // The first of the cluster's members on this host: the server's user must be able to walk to it.
  await mkdir(dirname(paths.building), { recursive: true, mode: 0o755 });
  try {
    await build(config, source, { target: paths.building, progress, signal });
    await syncFileSystem([paths.building], signal);
    signal.throwIfAborted();
    await putInPlace(paths);
  } catch (error) {
    await rm(paths.building, { recursive: true, force: true });
    throw describe(error, source, signal);
  }
}

async function build(
  { engine, owner, member }: MemberServerConfig,
  source: Upstream,
  way: {
    readonly target: string;
    readonly progress: (progress: CloneProgress) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const session = await Session.open(source, { withinMs: openMs });
  const abort = (): void => session.destroy();
  way.signal.addEventListener("abort", abort, { once: true });
  try {
    way.signal.throwIfAborted();
    // First of all: what the new standby will ask for must not be removed while it is made.
    await reserveSlot(session, member, askMs);
    const { dataDirectory } = source;
    const request = { ...way, owner, major: engine.major };
    if (dataDirectory !== undefined && (await canReadFiles(dataDirectory))) {
      await copyFiles(session, { ...request, source: { ...source, dataDirectory } });
    } else {
      await baseBackup({ ...request, source });
    }
  } finally {
    way.signal.removeEventListener("abort", abort);
    await session.close();
  }
}

function describe(error: unknown, source: Upstream, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof OpError && error.code !== "server-unresponsive") return error;
  return new OpError("clone-failed", {
    message: `the directory could not be copied from "${source.member}"`,
    ...(error instanceof DatabaseError ? { detail: `The source said: ${error.message}.` } : {}),
    cause: error,
  });
}
