/**
 * What the bench beside the peers needs of a system under test: three hosts of one laboratory, a primary somewhere, a
 * way to ask for a switchover. Implemented by matriarch.ts and patroni.ts; the faults are the same for both.
 */
import type { ClientConfig } from "pg";
import type { Machine } from "../../tests/hosts/lab/machine.ts";
import type { Network } from "../../tests/hosts/lab/network.ts";

export interface PeerSystem {
  readonly name: string;
  readonly network: Network;
  readonly hosts: readonly Machine[];
  /** command prefix of the clients' host */
  readonly client: readonly string[];
  /** where the clients of the bench write, one for each host */
  readonly targets: readonly ClientConfig[];
  /** waits until every member streams. @returns the host of the primary */
  healthy(): Promise<Machine>;
  postmaster(host: Machine): number;
  switchover(from: Machine): Promise<void>;
  /** ends everything and removes what was made */
  end(): Promise<void>;
}

/** The processes of the store, of all hosts. */
export function storePids({ hosts }: PeerSystem): readonly number[] {
  return hosts.flatMap((host) => host.find(/^\S*\betcd /));
}
