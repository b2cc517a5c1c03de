/**
 * The restarts that put settings in force, in the order that they need (P10). Called by apply.ts. A standby may not have
 * less than its primary: raised settings go to standbys first, lowered ones to the primary first, in place.
 */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { Intent, MemberId } from "../../domain/cluster.ts";
import { standbyMinimums } from "../../drivers/postgres/configuration/defaults.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { awaitIntentEnd } from "../changes.ts";
import { amend, clusterOf, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import type { AskedMember } from "./running.ts";

export interface Turn {
  readonly pending: readonly MemberId[];
  readonly primaryFirst: boolean;
  /** the primary stays where it is */
  readonly inPlace?: boolean;
}

/** @param waiting members with settings that wait for a restart, as they were asked @param wanted by names in lower case */
export function nextTurn(
  cluster: ClusterRuntime,
  waiting: readonly AskedMember[],
  wanted: Readonly<Record<string, string>>,
): Turn {
  const holder = servingPrimary(cluster)?.id;
  const standbys = waiting.filter(({ member }) => member !== holder);
  const primary = waiting.find(({ member }) => member === holder);
  const others = standbys.map(({ member }) => member);
  if (holder === undefined || !primary) return { pending: others, primaryFirst: false };
  const isLowered = binding(primary, wanted, (running, want) => running > want);
  // Both ways at once: what is raised must be on the standbys before the primary has it.
  const isRaised = standbys.some((standby) => binding(standby, wanted, (running, want) => running < want));
  if (isLowered && isRaised) return { pending: others, primaryFirst: false };
  return { pending: isLowered ? [holder, ...others] : [...others, holder], primaryFirst: isLowered };
}

function binding(
  { settings }: AskedMember,
  wanted: Readonly<Record<string, string>>,
  isSo: (running: number, wanted: number) => boolean,
): boolean {
  return standbyMinimums.some((name) => {
    const running = settings.get(name);
    return running !== undefined && isSo(Number(running.setting), Number(wanted[name] ?? running.boot_val));
  });
}

/** @throws OpError operation-failed with how it ended */
export async function restartMembers(parts: Parts, name: string, turn: Turn, by: string): Promise<void> {
  const step = `restarting ${turn.pending.join(", ")}`;
  // Part of the change that is under way.
  const operation = parts.operations.begin({ kind: "restart", cluster: name, by, step, exclusive: false });
  parts.events.emit("restart.started", { cluster: name, actor: by }, { members: turn.pending });
  const { id } = operation;
  const intent: Intent = { kind: "restart", purpose: "config", id, by, requestedAt: parts.clock.wallNow(), ...turn };
  try {
    await amend(parts, name, (record) => {
      if (!record.intent) return { require: ["intent", "reign"], write: [{ key: "intent", value: intent }] };
      throw new OpError("busy", { message: `cluster "${name}" is busy: a ${record.intent.value.kind} is under way` });
    });
  } catch (error) {
    parts.operations.finish(id, { state: "failed", error });
    throw error;
  }
  await awaitIntentEnd(parts, operation);
  const ended = await settled(parts, id);
  if (ended.state === "failed" || ended.state === "cancelled")
    throw new OpError("operation-failed", {
      message: ended.error?.message ?? "the restart did not come to its end",
      ...(ended.error?.detail === undefined ? {} : { detail: ended.error.detail }),
      hint: `See: matriarch explain ${clusterOf(parts, name).name}`,
    });
}

/** Its end is told by the member that ended it, which may be on another host, a moment later. */
async function settled(parts: Parts, id: string): Promise<OperationRecord> {
  const now = parts.operations.get(id);
  if (now.state !== "running") return now;
  const limit = AbortSignal.any([parts.signal, AbortSignal.timeout(toldMs)]);
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = (operation: OperationRecord): void => {
      over.abort();
      resolve(operation);
    };
    limit.addEventListener("abort", () => end(parts.operations.get(id)), { once: true });
    parts.operations.subscribe(
      id,
      (operation) => {
        if (operation.state !== "running") end(operation);
      },
      over.signal,
    );
  });
}

const toldMs = 10_000;
