/**
 * The agents of the other hosts, called over HTTPS with this host's certificate. Every call has a deadline; connections
 * are kept open and a silent one is given up at the deadline, not when TCP gives up.
 */
import type { OnBehalf } from "../../domain/caller.ts";
import type { HostAddress } from "../../domain/host.ts";

export interface NeighbourCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** for whom this host asks, when it hands on a user's request; else it asks for itself, which only /v1/peer takes */
  readonly as?: OnBehalf;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface Neighbours {
  /**
   * @returns the parsed JSON of a successful answer, unchecked
   * @throws OpError host-unreachable (never left), interrupted (a change whose outcome is unknown), or as the other agent said it
   */
  call(host: HostAddress, call: NeighbourCall): Promise<unknown>;
  close(): void;
}
