/**
 * The relay carries Postgres connections between hosts inside mutual TLS, so that servers listen on this machine only.
 * A local process connects to a Unix socket that the relay listens on (`upstreams`); the relay asks the relay of the
 * upstream's host for that member (`RelayHello`), and from then on bytes go both ways. The router does the same for
 * clients, by itself (`via: "tcp"`). The agent tells the relay what there is, one JSON object a line.
 */
import type { HostAddress } from "../domain/host.ts";

/** First line on a TLS connection to a relay; answered by a line `{"ok":true}` or `{"ok":false,"message":"…"}`. */
export interface RelayHello {
  readonly member: string;
  /** socket: as the installation itself (replication, copies). tcp: as a client, which Postgres then asks for its password */
  readonly via: "socket" | "tcp";
}

/** A member of this host that other hosts may ask for. */
export interface RelayMember {
  readonly member: string;
  readonly socketDirectory: string;
  readonly port: number;
}

/** A member of another host: connections to `.s.PGSQL.<port>` in `socketDirectory` lead to it. */
export interface RelayUpstream {
  readonly member: string;
  readonly host: HostAddress;
  readonly socketDirectory: string;
  readonly port: number;
}

/** What the relay needs besides; files are read again when they change. */
export interface RelayTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export type RelayRequest =
  /** everything, always; connections to what is no longer there are cut */
  | {
      readonly id: number;
      readonly kind: "configure";
      readonly members: readonly RelayMember[];
      readonly upstreams: readonly RelayUpstream[];
    }
  | { readonly id: number; readonly kind: "status" }
  | { readonly id: number; readonly kind: "drain"; readonly withinMs: number };

export interface RelayStatus {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
}

export type RelayAnswer =
  | { readonly id: number; readonly ok: true; readonly status?: RelayStatus }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };
