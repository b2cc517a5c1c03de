/**
 * The relay of this host as the agent uses it: there is always one, it knows the last configuration, and it goes on
 * without the agent. Called by the agent's start and by its loops.
 */
import type { RelayMember, RelayStatus, RelayUpstream } from "../../relay/wire.ts";
import type { Restarts } from "../process/port.ts";

export interface RelayDriver extends Restarts {
  readonly pid: number | undefined;
  /** Adopts the relay that runs, or starts one; one of another version is replaced and drains. Replaced at once when it dies. */
  ensure(): Promise<"adopted" | "started" | "replaced">;
  /** Everything, always; connections to what is no longer there are cut. @throws OpError; the rest is served nevertheless */
  configure(members: readonly RelayMember[], upstreams: readonly RelayUpstream[]): Promise<void>;
  /** This host is lost: connections from and to it end at once, without waiting for TCP to give them up. */
  cut(host: string): Promise<void>;
  status(): Promise<RelayStatus>;
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
  /** Ends it, and with it every connection. */
  stop(): Promise<void>;
}
