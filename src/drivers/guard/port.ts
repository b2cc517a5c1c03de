/**
 * The guard of this host as the agent uses it: there is always one, it knows the last feed, and it goes on without the
 * agent. Called by the agent's loops; reports come unasked.
 */
import type { HostAddress } from "../../domain/host.ts";
import type { GuardReport, GuardTimings, MemberFeed } from "../../guard/wire.ts";
import type { Restarts } from "../process/port.ts";

export interface GuardDriver extends Restarts {
  readonly pid: number | undefined;
  /** Adopts the guard that runs, or starts one; one of another version is replaced. Replaced at once when it dies. */
  ensure(): Promise<"adopted" | "started" | "replaced">;
  /** The whole picture; resolves once the guard has taken it. Sent again by itself to a guard that was restarted. @throws OpError guard-unreachable */
  feed(members: readonly MemberFeed[], at: number): Promise<void>;
  hosts(hosts: readonly HostAddress[], timings: GuardTimings): Promise<void>;
  /** Tells the voters; resolves when it has left. */
  release(cluster: string, epoch: number): Promise<void>;
  onReport(listener: (report: GuardReport) => void): void;
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
  /** Ends it. */
  stop(): Promise<void>;
}
