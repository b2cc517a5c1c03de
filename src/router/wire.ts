/**
 * What the agent tells the router, one JSON object a line over the router's control socket, and what it answers. The
 * router keeps the last word it was told when the agent goes away; a restarted router holds every client until it is
 * told again.
 */

import type { TlsFiles } from "../links/tls-files.ts";

/** `pooled` leads to this host's pooler, and that to the primary's endpoint. */
export const endpointKinds = ["primary", "read", "pooled"] as const;
export type EndpointKind = (typeof endpointKinds)[number];

/** An address to connect to: loopback TCP of a member's server, or of this host's pooler. */
export interface Target {
  readonly member: string;
  readonly host: string;
  readonly port: number;
  /** a member of another host is reached through that host's relay */
  readonly relay?: RelayAddress;
  /** 0 this host, 1 this zone, 2 this region, 3 elsewhere; the nearest that can be reached is taken */
  readonly distance?: number;
  /** what is read there is no older than this, rounded up; left out: not known. For sessions with a limit of their own */
  readonly lagMs?: number;
}

export interface RelayAddress {
  /** name of the host, as its certificate has it */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

export interface EndpointConfig {
  readonly cluster: string;
  readonly kind: EndpointKind;
  readonly listenHost: string;
  /** at all of these, instead of `listenHost` alone */
  readonly listenHosts?: readonly string[];
  readonly listenPort: number;
  /** PEM files, read again when they change */
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  /** this host's own certificate: needed to reach members of other hosts */
  readonly hostTls?: TlsFiles;
}

/** Where an endpoint leads. Epochs only rise: a route with a lower epoch than the last is refused. */
export interface Route {
  readonly cluster: string;
  readonly kind: EndpointKind;
  readonly epoch: number;
  /** hold: new connections wait. open: they go to a target. closed: they are refused with `message` */
  readonly state: "open" | "hold" | "closed";
  /** primary, pooled: exactly one when open; read: shared by fewest sessions */
  readonly targets: readonly Target[];
  /** sessions to members that are not targets are cut at once; false lets them end by themselves */
  readonly cut: boolean;
  /** get no new sessions, and keep those that they have */
  readonly keep?: readonly Target[];
  /** for sessions with a limit of their own that no target holds */
  readonly fallback?: readonly Target[];
  /** hold: the cluster is asleep, or about to be; the agent is told of every client that waits (`RouterNews`) */
  readonly isAsleep?: true;
  /** what a refused or timed-out client is told */
  readonly message?: string;
}

export type RouterRequest =
  | {
      readonly id: number;
      readonly kind: "configure";
      readonly endpoints: readonly EndpointConfig[];
      /** the ports are still held by a router of this installation that is about to drain */
      readonly sharePorts?: boolean;
    }
  | { readonly id: number; readonly kind: "route"; readonly routes: readonly Route[] }
  | { readonly id: number; readonly kind: "status" }
  /** where the members of this host say how they are, exactly these ports */
  | { readonly id: number; readonly kind: "health-ports"; readonly config: HealthConfig; readonly sharePorts?: boolean }
  /** of one cluster, instead of what was said of it before; without members it is forgotten */
  | { readonly id: number; readonly kind: "health"; readonly facts: HealthFacts }
  /** stop listening, let sessions end, exit when the last is gone or after `withinMs` */
  | { readonly id: number; readonly kind: "drain"; readonly withinMs: number };

/** Ports on which members say how they are over HTTP, in Patroni's words (docs/monitoring.md). */
export interface HealthConfig {
  readonly listenHosts: readonly string[];
  readonly ports: readonly HealthPort[];
  /** PEM files, for HTTPS instead of HTTP */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** the agent's API: it is asked for what only it can tell */
  readonly agentSocket: string;
}

/** A member's own; without one the host's, where paths begin with a member or a cluster. */
export interface HealthPort {
  readonly port: number;
  readonly of?: { readonly cluster: string; readonly member: string };
}

/** What the router tells of a cluster's members on this host; bodies are JSON texts that it passes on as they are. */
export interface HealthFacts {
  readonly cluster: string;
  readonly members: readonly MemberFacts[];
  readonly bodies: { readonly cluster: string; readonly history: string; readonly config: string };
  /** automation is paused by hand */
  readonly isPaused: boolean;
}

export interface MemberFacts {
  readonly member: string;
  /** loopback port of its server */
  readonly serverPort: number;
  /** Patroni's word, `running` when sessions are answered */
  readonly state: string;
  readonly role: "primary" | "replica";
  /** may be primary now, and its server takes writes; whether clients are let through is the endpoint's word */
  readonly isHolder: boolean;
  /** its commits wait for voters that are not there: it may acknowledge nothing */
  readonly isWaiting: boolean;
  readonly kind: "sync" | "quorum" | "async";
  /** its log is not the holder's: nobody may read there */
  readonly isAstray: boolean;
  readonly isStreaming: boolean;
  /** behind the newest log that is known; null: not known */
  readonly lagBytes: { readonly apply: number | null; readonly write: number | null };
  /** what counts as ready where nobody says how much may be missing */
  readonly readyLagBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  /** its loop has looked at it within the time that it has */
  readonly isLookedAt: boolean;
  /** what a status answer says */
  readonly body: string;
}

/** What the router says unasked; again every second, for what it says while the agent is frozen is lost. */
export interface RouterNews {
  readonly kind: "client-waits";
  readonly cluster: string;
  readonly endpoint: EndpointKind;
}

export interface RouterStatus {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  /** how many share the work */
  readonly threads?: number;
  readonly endpoints: readonly {
    readonly cluster: string;
    readonly kind: EndpointKind;
    readonly listenPort: number;
    readonly state: Route["state"];
    readonly epoch: number;
    readonly sessions: number;
    readonly waiting: number;
    /** by member */
    readonly sessionsByMember: Readonly<Record<string, number>>;
    /** connections accepted, refused and timed out while held, since the router's start */
    readonly accepted: number;
    readonly refused: number;
    readonly timedOut: number;
  }[];
}
