/**
 * Carries out one action of a decision: on the member's server, in the store, at the endpoints. Called by the member's
 * loop. Refuses what was decided under another epoch than the one on record, except fencing. Decides nothing.
 */
import type { Action, ActionResult } from "../core/action.ts";
import { isSettling } from "../core/rules/settling.ts";
import type { ClusterRecord, ClusterTxn, MemberId } from "../domain/cluster.ts";
import type { CommitOutcome } from "../drivers/store/port.ts";
import type { MemberServer, Upstream } from "../drivers/postgres/port.ts";
import { OpError } from "../errors/op-error.ts";
import { standingVote } from "./promises.ts";

/** Keeps a stopped member's data as a snapshot; given by the agent's entry. */
export interface Keeper {
  /** @throws OpError too-little-disk when a copy of `source` would have no room beside what is kept */
  checkRoom(source: MemberId): Promise<void>;
  /** Its directory is empty afterwards. Safe to repeat. */
  keep(): Promise<void>;
}

/** What the actions of one member work on; given by its loop. */
export interface Hands {
  readonly member: MemberId;
  readonly timings: { readonly promoteMs: number };
  record(): ClusterRecord;
  server(): MemberServer;
  upstream(member: MemberId): Upstream;
  /** writes and reads back, so that the next decision sees it */
  commit(txn: ClusterTxn): Promise<CommitOutcome>;
  setVote(epoch: number | undefined): void;
  /** resolves once the guard knows all that it must know before a record leaves @throws OpError guard-unreachable */
  promisesInForce(): Promise<void>;
  /** what this member has promised to the holder binds it still */
  isBound(): boolean;
  release(epoch: number): Promise<void>;
  /** cuts the clients of this member at once */
  cutClients(): void;
  /** clients of the primary endpoint wait from now on; resolves when they do */
  holdClients(): Promise<void>;
  /** a rebuilt directory is another incarnation: its server is looked at through a new driver */
  renewServer(): Promise<void>;
  /** The user's hooks. Never throws. @returns whether one was run: then time has passed since the decision */
  hooks(action: Action, signal: AbortSignal): Promise<boolean>;
  /** puts where it stays what this member may be the only one to have (I13) */
  readonly keeper: Keeper;
  /** of a clone, for people */
  progress(step: string, bytesDone: number, bytesTotal: number | undefined): void;
}

export async function act(action: Action, hands: Hands, signal: AbortSignal): Promise<ActionResult> {
  const stale = staleEpoch(action, hands.record()) ?? (await outdatedByHooks(action, hands, signal));
  if (stale) return { kind: action.kind, outcome: "refused", message: stale };
  try {
    return await perform(action, hands, signal);
  } catch (error) {
    const unknown = error instanceof OpError && error.kind.exitCode === 4;
    const noRoom = error instanceof OpError && error.code === "too-little-disk" ? ({ noRoom: true } as const) : {};
    return { kind: action.kind, outcome: unknown ? "unknown" : "failed", message: messageOf(error), ...noRoom };
  }
}

/** What was right before the user's hooks may be wrong after them: another epoch, or a fence, wins. */
async function outdatedByHooks(action: Action, hands: Hands, signal: AbortSignal): Promise<string | undefined> {
  if (!(await hands.hooks(action, signal))) return undefined;
  return signal.aborted ? "something more urgent came while its hooks ran" : staleEpoch(action, hands.record());
}

function staleEpoch(action: Action, record: ClusterRecord): string | undefined {
  const { epoch } = record.reign.value;
  const opensWrites = action.kind === "promote" || action.kind === "set-rule" || action.kind === "barrier";
  const bound = opensWrites || (action.kind === "start" && action.as === "primary");
  return bound && action.epoch !== epoch ? `decided under epoch ${action.epoch}, and it is ${epoch} now` : undefined;
}

async function perform(action: Action, hands: Hands, signal: AbortSignal): Promise<ActionResult> {
  const done = { kind: action.kind, outcome: "done" } as const;
  const server = hands.server();
  switch (action.kind) {
    case "fence":
      hands.cutClients();
      await server.fence();
      return done;
    case "stop":
      return (await server.stop(action.withinMs, action.then)) === "still-running"
        ? { ...done, outcome: "failed" }
        : done;
    case "start":
      if (action.as === "primary") await server.startPrimary(action.rule);
      else await server.startStandby(action.upstream === null ? null : hands.upstream(action.upstream), action.rule);
      return done;
    case "follow":
      await server.follow(hands.upstream(action.upstream));
      return done;
    case "stop-receiver":
      await server.stopReceiver();
      return done;
    case "promote":
      return {
        ...done,
        lsn: await server.promote(action.timeline, action.known, action.rule, hands.timings.promoteMs),
      };
    case "set-rule":
      return { ...done, lsn: await setRule(action, server) };
    case "barrier":
      return { ...done, lsn: await server.barrier(signal) };
    case "checkpoint":
      await server.checkpoint();
      return done;
    case "slots":
      await server.setSlots(action.members, action.anew);
      return done;
    case "configure":
      await server.configure();
      return done;
    case "rewind":
    case "clone":
      return rebuild(action, hands, signal);
    case "remove-member":
      if (action.keeps) await hands.keeper.keep();
      await server.destroy();
      return done;
    case "hold-clients":
      await hands.holdClients();
      return done;
    case "release":
      await hands.release(action.epoch);
      return done;
    case "record":
      return record(action, hands);
  }
}

/** The walsenders of voters that leave are ended before the end of the log is read: they could have acknowledged. */
async function setRule(action: Extract<Action, { kind: "set-rule" }>, server: MemberServer) {
  const end = await server.setRule(action.rule);
  if (action.endStreams.length === 0) return end;
  for (const name of action.endStreams) await server.endStream(name);
  return server.setRule(action.rule);
}

/** P3: the new incarnation is on record before the directory changes, so that no old vote can count for it. */
async function rebuild(
  action: Extract<Action, { kind: "rewind" | "clone" }>,
  hands: Hands,
  signal: AbortSignal,
): Promise<ActionResult> {
  const keeps = action.kind === "clone" && action.keeps;
  if (keeps) await hands.keeper.checkRoom(action.source);
  const written = await hands.commit(action.record);
  if (!written.committed) return { kind: action.kind, outcome: "refused", message: "the record has changed" };
  await hands.renewServer();
  if (keeps) await hands.keeper.keep();
  const source = hands.upstream(action.source);
  if (action.kind === "rewind") {
    hands.progress("rewinding", 0, undefined);
    await hands.server().rewind(source);
  } else
    await hands.server().clone(source, (p) => hands.progress(`cloning (${p.how})`, p.bytesDone, p.bytesTotal), signal);
  return { kind: action.kind, outcome: "done" };
}

async function record(action: Extract<Action, { kind: "record" }>, hands: Hands): Promise<ActionResult> {
  // Before the vote can be seen by anybody, this voter has stopped promising (P4).
  if (action.what === "vote") hands.setVote(hands.record().reign.value.epoch + 1);
  const outcome = await commitInForce(action, hands).catch((error: unknown) => {
    if (action.what === "vote" && !(error instanceof OpError && error.kind.exitCode === 4)) hands.setVote(undefined);
    throw error;
  });
  if (action.what === "vote" && !outcome.committed) hands.setVote(undefined);
  if (action.what === "withdraw-vote" && outcome.committed) hands.setVote(undefined);
  // A vote of unknown fate has arrived by now, or never will.
  if (isSettling(action) && outcome.committed) hands.setVote(standingVote(hands.record(), hands.member));
  return outcome.committed
    ? { kind: "record", outcome: "done" }
    : { kind: "record", outcome: "refused", message: `changed meanwhile: ${outcome.changed.join(", ")}` };
}

/** What others may conclude from the record holds here before it can be seen (P1, P4). */
async function commitInForce(action: Extract<Action, { kind: "record" }>, hands: Hands): Promise<CommitOutcome> {
  await hands.promisesInForce();
  // The guard may have renewed the promise between the decision and the moment when it was told of the vote.
  if (action.what === "vote" && hands.isBound()) return { committed: false, revision: 0, changed: ["promise"] };
  return hands.commit(action.txn);
}

/** With what caused it: "the directory could not be copied: no space left on device". */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
