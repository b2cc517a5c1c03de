/**
 * This host's member of the installation's own etcd: what it is told, and what it tells. Implemented by server.ts; the
 * agent makes events of what it tells.
 */

/** A host as its etcd needs to know it. */
export interface EtcdSelf {
  readonly home: string;
  /** of the host, and of the member */
  readonly name: string;
  /** IP address or name by which the others reach it */
  readonly address: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export interface EtcdMember {
  /** decimal; a 64-bit number */
  readonly id: string;
  /** empty: it was added and has not been started yet */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** it catches up, and has no vote yet */
  readonly isLearner: boolean;
}

export interface EtcdHealth {
  readonly version: string;
  readonly id: string;
  /** "0": no leader is known */
  readonly leader: string;
  readonly isLearner: boolean;
  readonly databaseBytes: number;
  /** of them, those that hold something; the rest comes back by defragmentation */
  readonly databaseUsedBytes: number;
}

export type EtcdNews =
  | { readonly kind: "started"; readonly pid: number; readonly adopted: boolean }
  /** it ended by itself; it is started again at once */
  | { readonly kind: "died"; readonly pid: number }
  | { readonly kind: "restarted"; readonly pid: number; readonly tookMs: number }
  /** its process lives and answers nothing; it is ended and started again */
  | { readonly kind: "silent"; readonly pid: number }
  /** it ends again and again; it is tried further, more and more slowly */
  | { readonly kind: "failing"; readonly lastWords: string }
  /** its data were damaged or gone: put aside, and copied anew from the other members */
  | { readonly kind: "rebuilt"; readonly putAside: string | undefined; readonly tookMs: number }
  /** a person has said that the others are lost for good: it goes on without them */
  | { readonly kind: "alone" }
  /** the other members have taken it out; it is not started any more */
  | { readonly kind: "removed" }
  | { readonly kind: "quota-reached"; readonly databaseBytes: number }
  | { readonly kind: "quota-cleared"; readonly databaseBytes: number }
  | { readonly kind: "defragmented"; readonly beforeBytes: number; readonly afterBytes: number }
  | { readonly kind: "snapshot"; readonly bytes: number }
  /** members hold different data; needs a person */
  | { readonly kind: "corrupt"; readonly member: string };
