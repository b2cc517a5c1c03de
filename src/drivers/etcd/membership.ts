/**
 * The members of the installation's own etcd: who they are, one more, one less. Used by server.ts and by whoever removes
 * a host. A new member is a learner first: until it has caught up, the others need it for nothing.
 */
import { EtcdClient } from "../../etcd/client.ts";
import { EtcdSession } from "../../etcd/session.ts";
import type { Member } from "../../etcd/protocol/admin_pb.ts";
import { TlsIdentity } from "../../links/tls-files.ts";
import type { Log } from "../../log/log.ts";
import type { EtcdHealth, EtcdMember } from "./port.ts";

export interface HostTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A range without keys: all that is asked about it is answered at once. */
const nothing = { key: new Uint8Array([0]), rangeEnd: new Uint8Array([1]) };
const answerMs = 2000;

export class EtcdMembers {
  readonly #client: EtcdClient;
  readonly #tls: TlsIdentity;

  /** @param endpoints client URLs of the members to ask */
  constructor(endpoints: readonly string[], tls: HostTls, log: Log) {
    this.#tls = new TlsIdentity(tls);
    const credentials = { tls: () => this.#tls.current() };
    this.#client = new EtcdClient({ endpoints, credentials, range: nothing, log });
  }

  /** As the leader knows them. @throws OpError store-unavailable when there is no quorum */
  async list(signal?: AbortSignal): Promise<readonly EtcdMember[]> {
    return this.#client.read(async (session, options) => {
      // 3.4 answers from what this server has applied: make sure that it is not behind.
      await session.kv.range({ ...nothing, countOnly: true }, options);
      return (await session.cluster.memberList({ linearizable: true }, options)).members.map(toMember);
    }, signal);
  }

  async addLearner(peerUrl: string, signal?: AbortSignal): Promise<readonly EtcdMember[]> {
    const add = { peerURLs: [peerUrl], isLearner: true };
    const { members } = await this.#client.write((session, options) => session.cluster.memberAdd(add, options), signal);
    return members.map(toMember);
  }

  /** @throws OpError store-unavailable as long as it has not caught up */
  async promote(id: string, signal?: AbortSignal): Promise<void> {
    await this.#client.write((session, options) => session.cluster.memberPromote({ ID: BigInt(id) }, options), signal);
  }

  async remove(id: string, signal?: AbortSignal): Promise<void> {
    await this.#client.write((session, options) => session.cluster.memberRemove({ ID: BigInt(id) }, options), signal);
  }

  /**
   * Takes out one that may be lost or alive. The lead leaves it first: whatever is written while the others elect goes to
   * the one that is no member any more, is dropped there, and nobody says so.
   */
  async takeOut({ id, clientUrls }: EtcdMember): Promise<void> {
    // One that does not answer has no lead.
    for (const url of clientUrls) await this.moveLeadAway(url).catch(() => undefined);
    await this.remove(id);
  }

  /** Of one server, asked directly; it may have no leader. @throws when it does not answer in time */
  async health(url: string): Promise<EtcdHealth> {
    return this.at(url, async (session, options) => {
      const { version, header, leader, isLearner, dbSize, dbSizeInUse } = await session.maintenance.status({}, options);
      return {
        version,
        id: String(header?.memberId ?? 0n),
        leader: String(leader),
        isLearner,
        databaseBytes: Number(dbSize),
        databaseUsedBytes: Number(dbSizeInUse),
      };
    });
  }

  /** Puts the lead elsewhere if this server has it, so that its end is not noticed. Does nothing when nobody can take it. */
  async moveLeadAway(url: string): Promise<void> {
    const { id, leader } = await this.health(url);
    if (id !== leader) return;
    const others = (await this.list()).filter((member) => member.id !== id && !member.isLearner && member.name !== "");
    for (const other of others) {
      const answers = await Promise.all(other.clientUrls.map((at) => this.health(at).catch(() => undefined)));
      if (answers.every((answer) => answer?.leader !== leader)) continue;
      await this.at(url, (session, options) => session.maintenance.moveLeader({ targetID: BigInt(other.id) }, options));
      return;
    }
  }

  /** Something of one server itself. */
  async at<T>(
    url: string,
    ask: (session: EtcdSession, options: { readonly signal: AbortSignal }) => Promise<T>,
    withinMs = answerMs,
  ): Promise<T> {
    const signal = AbortSignal.timeout(withinMs);
    const session = await EtcdSession.open(url, { tls: () => this.#tls.current() }, signal);
    try {
      return await ask(session, { signal });
    } finally {
      session.end();
    }
  }

  close(): void {
    this.#client.close();
  }
}

function toMember({ ID, name, peerURLs, clientURLs, isLearner }: Member): EtcdMember {
  return { id: String(ID), name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner };
}
