/**
 * Which etcd it is that answers, and how far it had come. An etcd that was restored from an old copy, or another one at
 * the same address, has forgotten epochs that somebody acts on: it is found out here and never believed. Used by
 * endpoint.ts for each answer of the leader's state.
 */
import { OpError } from "../errors/op-error.ts";
import type { ResponseHeader } from "./protocol/kv_pb.ts";

export interface EtcdIdentity {
  /** decimal; a 64-bit number */
  readonly clusterId: string;
  readonly revision: number;
}

export class IdentityCheck {
  #clusterId: string | undefined;
  #revision: number;

  constructor(known: EtcdIdentity | undefined) {
    this.#clusterId = known?.clusterId;
    this.#revision = known?.revision ?? 0;
  }

  get known(): EtcdIdentity | undefined {
    return this.#clusterId === undefined ? undefined : { clusterId: this.#clusterId, revision: this.#revision };
  }

  get revision(): number {
    return this.#revision;
  }

  forget(): void {
    this.#clusterId = undefined;
    this.#revision = 0;
  }

  /**
   * @param header of a linearizable answer
   * @param revisionBefore what was known when the question left: answers may overtake each other
   * @throws OpError store-replaced
   */
  accept(url: string, header: ResponseHeader | undefined, revisionBefore: number): number {
    const clusterId = String(header?.clusterId ?? 0n);
    const revision = Number(header?.revision ?? 0n);
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId) {
      throw replaced(url, `It belongs to cluster ${clusterId}; the store is in cluster ${this.#clusterId}.`);
    }
    if (revision < revisionBefore) {
      throw replaced(url, `It is at revision ${revision}; the store had come to revision ${revisionBefore} already.`);
    }
    this.#revision = Math.max(this.#revision, revision);
    return revision;
  }
}

function replaced(url: string, detail: string): OpError {
  return new OpError("store-replaced", {
    message: `the etcd at ${url} is not the store that it was`,
    detail,
    hint: "It was restored from an older copy, or another etcd listens there. Bring the right one back; nothing is changed meanwhile.",
  });
}
