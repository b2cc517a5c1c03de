/**
 * Which hosts a cluster is restored on: those that have a copy to begin with, and are asked in turn, for how far the log
 * leads from it is known for certain only to the one that has it. And what is told when none of them can.
 */
import type { RestoreRequest, RestoreWindows } from "../../../contract/storage.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { findSnapshot } from "../snapshots/list.ts";
import { outOfWindow } from "./plan.ts";
import { listWindows } from "./windows.ts";

type Windows = RestoreWindows["windows"];
type Wish = Pick<RestoreRequest, "snapshot" | "here">;

/** @returns best first; undefined is this one. @throws OpError snapshot-not-found, host-unreachable */
export async function hostsToRestoreOn(
  parts: Parts,
  name: string,
  target: RecoveryTarget,
  { snapshot, here }: Wish,
): Promise<readonly (string | undefined)[]> {
  const self = parts.hosts.self?.name;
  if (self === undefined || here) return [undefined];
  const asOther = (host: string): string | undefined => (host === self ? undefined : host);
  if (snapshot !== undefined) return [asOther((await findSnapshot(parts, name, snapshot)).host)];
  const { windows } = await listWindows(parts, name, { here: false });
  const hosts = [...new Set(rank(windows, target, self).map(({ host }) => host))];
  return hosts.length === 0 ? [undefined] : hosts.map(asOther);
}

/** The best of them; undefined is this one. */
export async function hostToRestoreOn(
  parts: Parts,
  name: string,
  target: RecoveryTarget,
  wish: Wish,
): Promise<string | undefined> {
  return (await hostsToRestoreOn(parts, name, target, wish))[0];
}

/** The first that can. @throws OpError restore-out-of-window in the words for all hosts when none of them can */
export async function onFirstThatCan<T>(
  parts: Parts,
  name: string,
  { target, hosts }: { readonly target: RecoveryTarget; readonly hosts: readonly (string | undefined)[] },
  begin: (host: string | undefined) => Promise<T>,
): Promise<T> {
  let refusal: OpError | undefined;
  for (const host of hosts) {
    try {
      return await begin(host);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusal ??= error;
    }
  }
  if (!refusal) throw new Error("there is no host to ask");
  throw parts.hosts.self === undefined ? refusal : await ofAllHosts(parts, name, target, refusal);
}

/** Nothing has been begun. */
export function isRefusal(error: unknown): error is OpError {
  return error instanceof OpError && error.code === "restore-out-of-window";
}

async function ofAllHosts(parts: Parts, name: string, target: RecoveryTarget, refusal: OpError): Promise<OpError> {
  const { windows, missing } = await listWindows(parts, name, { here: false });
  const away = missing.map(({ host }) => host);
  if (windows.length === 0 && away.length === 0) return refusal;
  const all = windows.map(({ from, until, is_current: isCurrent }) => ({
    from: Date.parse(from),
    until: Date.parse(until),
    systemIdentifier: String(isCurrent),
  }));
  return outOfWindow(name, target, { windows: all, away });
}

/**
 * Those that are known to lead there, this host before others, and the newest first; after them those that begin before it:
 * what others have archived meanwhile may lead on. Of a position or a transaction only the host itself can tell.
 */
function rank(windows: Windows, target: RecoveryTarget, self: string): Windows {
  const isHere = ({ host }: { readonly host: string }): number => Number(host === self);
  if (target.kind === "newest")
    return windows.toSorted((a, b) => b.until.localeCompare(a.until) || isHere(b) - isHere(a));
  const leads = ({ until }: Windows[number]): number =>
    Number(target.kind !== "time" || target.ms <= Date.parse(until));
  return windows
    .filter(({ from }) => target.kind !== "time" || Date.parse(from) <= target.ms)
    .toSorted(
      (a, b) =>
        leads(b) - leads(a) ||
        Number(b.is_current) - Number(a.is_current) ||
        isHere(b) - isHere(a) ||
        b.until.localeCompare(a.until),
    );
}
