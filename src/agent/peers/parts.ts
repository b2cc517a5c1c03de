/** What the exchange with the other agents works with; given by the agent's entry. */
import type { HostAddress } from "../../domain/host.ts";
import type { Neighbours } from "../../drivers/neighbours/port.ts";
import type { Log } from "../../log/log.ts";
import type { Clock } from "../clock.ts";

export interface PeersParts {
  /** name of this host */
  readonly self: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly neighbours: Neighbours;
  /** newest sequences of the journal, by origin */
  heads(): Readonly<Record<string, number>>;
  /** another host has more of the journal, or less */
  heardHeads(host: HostAddress, heads: Readonly<Record<string, number>>): void;
}
