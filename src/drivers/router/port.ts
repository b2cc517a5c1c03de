/**
 * The router of this host as the agent uses it: there is always one, it knows the last configuration and the last
 * routes, and it goes on without the agent. Called by the agent's start and by its loop.
 */
import type { EndpointConfig, Route, RouterStatus } from "../../router/wire.ts";

export interface RouterRestart {
  readonly oldPid: number | undefined;
  readonly newPid: number;
  /** from the end of the old one to the new one accepting connections with the last routes */
  readonly tookMs: number;
}

export interface RouterDriver {
  readonly pid: number | undefined;
  /**
   * Adopts the router that runs, or starts one. One of another version is replaced: the new one listens beside it
   * from the next `configure` on, and the old one drains after the next `route`.
   */
  ensure(): Promise<"adopted" | "started" | "replaced">;
  /** All endpoints, always. @throws OpError `port-in-use`; the other endpoints are served nevertheless */
  configure(endpoints: readonly EndpointConfig[]): Promise<void>;
  /** Where endpoints lead from now on; returns when it is in force. @throws OpError `old-epoch`, and nothing changed */
  route(routes: readonly Route[]): Promise<void>;
  status(): Promise<RouterStatus>;
  /** Called after a router that died has been replaced. */
  onRestart(listener: (restart: RouterRestart) => void): void;
  /** Lets go of the router; it keeps running. */
  close(): Promise<void>;
  /** Ends the router, and older ones that drain, and with them every session. */
  stop(): Promise<void>;
}
