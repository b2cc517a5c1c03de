/**
 * The router of this host as the agent uses it: there is always one, it knows the last configuration and the last
 * routes, and it goes on without the agent. Called by the agent's start and by its loop.
 */
import type {
  EndpointConfig,
  EndpointKind,
  HealthConfig,
  HealthFacts,
  Route,
  RouterStatus,
} from "../../router/wire.ts";
import type { Restarts } from "../process/port.ts";

export interface RouterDriver extends Restarts {
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
  /** All status ports, always. @throws OpError `port-in-use`; the other ports are served nevertheless */
  configureHealth(config: HealthConfig): Promise<void>;
  /** Of one cluster, whenever something is different. */
  tellHealth(facts: HealthFacts): Promise<void>;
  /** Called with each cluster that is asleep and that a client waits for, again and again while it does. */
  onClientWaits(listener: (cluster: string, endpoint: EndpointKind) => void): void;
  /** Lets go of the router; it keeps running. */
  close(): Promise<void>;
  /** Ends the router, and older ones that drain, and with them every session. */
  stop(): Promise<void>;
}
