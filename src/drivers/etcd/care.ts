/**
 * What an etcd needs from time to time: room below its quota, a log file of bounded size, a copy of its data, and the
 * newest list of the other members on this host's disk. Each host sees to its own member, in turns, so that never two
 * are busy with it at once. Called by the agent once a minute on the hosts that have a member.
 */
import { createWriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AlarmRequest_AlarmAction, AlarmType } from "../../etcd/protocol/admin_pb.ts";
import type { EtcdSession } from "../../etcd/session.ts";
import { boundLog, readState, writeState } from "./files.ts";
import type { EtcdMembers } from "./membership.ts";
import type { EtcdHealth, EtcdMember, EtcdNews } from "./port.ts";
import type { EtcdServer } from "./server.ts";

export interface Care {
  readonly server: EtcdServer;
  readonly tell: (news: EtcdNews) => void;
  /** wall clock, milliseconds */
  readonly wallNow: number;
  /** the database is made smaller when more than half of it is empty and it has at least this size */
  readonly defragmentBytesMin?: number;
}

const usualDefragmentBytes = 32 * 1024 * 1024;
const minuteMs = 60_000;
const snapshotEveryMs = 24 * 3600 * 1000;
/** a defragmentation of a full quota on a slow disk */
const longMs = 60_000;

/** @throws OpError store-unavailable when etcd has no quorum; then there is nothing to be done here */
export async function careForEtcd(care: Care): Promise<void> {
  const { server, tell } = care;
  await boundLog(server.files);
  await server.takeCertificate();
  const members = server.members();
  try {
    const all = await members.list();
    await rememberOthers(server, all);
    const health = await members.health(server.url);
    if (await seeToAlarms(care, members, health)) return;
    if (isTurn(all, health.id, care.wallNow)) await defragmentIfWorth(care, members, health);
    if (health.id === health.leader) await copyDaily(server, members, care.wallNow, tell);
  } finally {
    members.close();
  }
}

async function rememberOthers({ files, url }: EtcdServer, all: readonly EtcdMember[]): Promise<void> {
  const state = await readState(files);
  const others = all.flatMap(({ clientUrls }) => clientUrls).filter((other) => other !== url);
  if (state && others.join() !== state.others.join()) await writeState(files, { ...state, others });
}

/** One minute for each, so that no two do it at once. */
function isTurn(all: readonly EtcdMember[], id: string, wallNow: number): boolean {
  const order = all.map((member) => member.id).sort();
  return order[Math.floor(wallNow / minuteMs) % order.length] === id;
}

/** @returns whether there was one that was seen to */
async function seeToAlarms({ server, tell }: Care, members: EtcdMembers, health: EtcdHealth): Promise<boolean> {
  const get = { action: AlarmRequest_AlarmAction.GET };
  const { alarms } = await members.at(server.url, (session, options) => session.maintenance.alarm(get, options));
  for (const { alarm, memberID } of alarms) {
    if (alarm === AlarmType.CORRUPT) tell({ kind: "corrupt", member: String(memberID) });
  }
  const own = alarms.find(({ alarm, memberID }) => alarm === AlarmType.NOSPACE && String(memberID) === health.id);
  if (!own) return false;
  tell({ kind: "quota-reached", databaseBytes: health.databaseBytes });
  await members.at(server.url, compactAll, longMs);
  await defragment(members, server.url, health);
  const after = await members.health(server.url);
  const disarm = { action: AlarmRequest_AlarmAction.DEACTIVATE, memberID: BigInt(health.id), alarm: AlarmType.NOSPACE };
  await members.at(server.url, (session, options) => session.maintenance.alarm(disarm, options));
  tell({ kind: "quota-cleared", databaseBytes: after.databaseBytes });
  return true;
}

/** Forgets all history; those who watch from an older revision read anew. */
async function compactAll(session: EtcdSession, options: { readonly signal: AbortSignal }): Promise<void> {
  const nothing = { key: new Uint8Array([0]), countOnly: true };
  const { header } = await session.kv.range(nothing, options);
  const compact = { revision: header?.revision ?? 0n, physical: true };
  await session.kv.compact(compact, options).catch((error: unknown) => {
    // Another member's host was quicker.
    if (!(error instanceof Error && error.message.includes("compacted"))) throw error;
  });
}

async function defragmentIfWorth(care: Care, members: EtcdMembers, health: EtcdHealth): Promise<void> {
  const { databaseBytes, databaseUsedBytes } = health;
  if (databaseBytes < (care.defragmentBytesMin ?? usualDefragmentBytes) || databaseUsedBytes * 2 > databaseBytes)
    return;
  await defragment(members, care.server.url, health);
  const after = await members.health(care.server.url);
  care.tell({ kind: "defragmented", beforeBytes: databaseBytes, afterBytes: after.databaseBytes });
}

/** The server answers nothing meanwhile: it must not be the one that leads, if another can. */
async function defragment(members: EtcdMembers, url: string, { id, leader }: EtcdHealth): Promise<void> {
  if (id === leader) await members.moveLeadAway(url);
  await members.at(url, (session, options) => session.maintenance.defragment({}, options), longMs);
}

async function copyDaily(
  { files, url }: EtcdServer,
  members: EtcdMembers,
  wallNow: number,
  tell: (news: EtcdNews) => void,
): Promise<void> {
  const last = await stat(files.snapshot).catch(() => undefined);
  if (last && wallNow - last.mtimeMs < snapshotEveryMs) return;
  const draft = `${files.snapshot}.new`;
  await members.at(
    url,
    async (session, options) => {
      const chunks = session.maintenance.snapshot({}, options);
      await pipeline(Readable.from(blobs(chunks)), createWriteStream(draft, { mode: 0o600 }), options);
    },
    longMs,
  );
  await rename(draft, files.snapshot);
  tell({ kind: "snapshot", bytes: (await stat(files.snapshot)).size });
}

async function* blobs(chunks: AsyncIterable<{ readonly blob: Uint8Array }>): AsyncIterable<Uint8Array> {
  for await (const { blob } of chunks) yield blob;
}
