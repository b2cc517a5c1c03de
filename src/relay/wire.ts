/**
 * The relay carries Postgres connections between hosts inside mutual TLS, so that servers listen on this machine only.
 * A local process connects to a Unix socket that the relay listens on (`upstreams`); the relay asks the relay of the
 * upstream's host for that member (links/relay-hello.ts), and from then on bytes go both ways. The router does the same
 * for clients, by itself (`via: "tcp"`). The agent tells the relay what there is, one JSON object a line.
 */
import type { HostAddress } from "../domain/host.ts";
import type { TlsFiles } from "../links/tls-files.ts";

/** A member of this host that other hosts may ask for. */
export interface RelayMember {
  readonly member: string;
  readonly socketDirectory: string;
  /** of its Unix socket, and on 127.0.0.1 */
  readonly port: number;
}

/** A member of another host: connections to `.s.PGSQL.<port>` in `socketDirectory` lead to it. */
export interface RelayUpstream {
  readonly member: string;
  readonly host: HostAddress;
  /** the relay's own: made with mode 0700, and nothing else may be in it */
  readonly socketDirectory: string;
  readonly port: number;
}

/** What the relay needs of its own host. */
export interface RelaySelf {
  readonly address: string;
  readonly port: number;
  /** read again when they change */
  readonly tls: TlsFiles;
  /** only these are heard; all that the authority vouches for when it is left out */
  readonly hosts?: readonly { readonly name: string; readonly keyFingerprint: string }[];
  /** user of the servers, when the relay runs as root: the upstreams' sockets belong to it */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export type RelayRequest =
  /** everything, always; connections to what is no longer there are cut */
  | {
      readonly id: number;
      readonly kind: "configure";
      readonly self: RelaySelf;
      readonly members: readonly RelayMember[];
      readonly upstreams: readonly RelayUpstream[];
      /** the port is still held by a relay of this installation that is about to drain */
      readonly sharePort?: boolean;
    }
  | { readonly id: number; readonly kind: "status" }
  /** this host is lost: what leads to it and what came from it ends at once, without waiting for TCP */
  | { readonly id: number; readonly kind: "cut"; readonly host: string }
  /** stop listening, let connections end, exit when the last is gone or after `withinMs` */
  | { readonly id: number; readonly kind: "drain"; readonly withinMs: number };

export interface RelayStatus {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
}
