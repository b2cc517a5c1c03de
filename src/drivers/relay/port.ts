/**
 * The relay of this host as the agent uses it: there is always one, it knows the last configuration, and it goes on
 * without the agent. Called by the agent's start and by its loops.
 */
import type { RelayMember, RelayStatus, RelayUpstream } from "../../relay/wire.ts";

export interface RelayDriver {
  readonly pid: number | undefined;
  /** Adopts the relay that runs, or starts one; one of another version is replaced and drains. Replaced at once when it dies. */
  ensure(): Promise<"adopted" | "started" | "replaced">;
  configure(members: readonly RelayMember[], upstreams: readonly RelayUpstream[]): Promise<void>;
  status(): Promise<RelayStatus>;
  onRestart(listener: (restart: { readonly newPid: number; readonly tookMs: number }) => void): void;
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
  /** Ends it, and with it every connection. */
  stop(): Promise<void>;
}
