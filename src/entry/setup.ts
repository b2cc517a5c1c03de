/** What differs between an installation on one host and one over several; `agent.ts` puts the rest together. */
import type { JournalSync } from "../agent/journal-sync.ts";
import type { Peers } from "../agent/peers/peers.ts";
import type { Gate } from "../api/access/caller.ts";
import type { HostConfig } from "../config/host-config.ts";
import type { HostRecord } from "../domain/host.ts";
import type { Neighbours } from "../drivers/neighbours/port.ts";
import type { AccessCertificates } from "../installation/certificates.ts";
import type { OwnStoreMember } from "../installation/hosts/place.ts";
import type { AccessTokens } from "../installation/tokens.ts";
import type { TlsFiles } from "../links/tls-files.ts";
import type { Clock } from "../agent/clock.ts";
import type { MemberServers } from "../agent/member-servers.ts";
import type { Neighbourhood } from "../agent/neighbourhood.ts";
import type { AgentRuntime, RuntimeParts } from "../agent/agent-runtime.ts";
import type { HomePaths } from "../config/home.ts";
import type { Timings } from "../domain/cluster.ts";
import type { Store } from "../drivers/store/port.ts";
import type { EventFile } from "../events/event-file.ts";
import type { Hosts } from "../installation/parts.ts";
import type { Log } from "../log/log.ts";
import type { EndpointConfig } from "../router/wire.ts";

/** What both are made from. */
export interface SetupParts {
  readonly paths: HomePaths;
  readonly timings: Timings;
  readonly servers: MemberServers;
  readonly eventFile: EventFile;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SeveralSetup {
  readonly config: HostConfig;
  readonly neighbours: Neighbours;
  readonly tls: TlsFiles;
  /** of the agent's API for other machines */
  readonly port: number;
  readonly tokens: AccessTokens;
  readonly certificates: AccessCertificates;
  readonly peers: Peers;
  readonly sync: JournalSync;
  readonly gate: Gate;
  /** as it is, never as it was remembered */
  readonly trueStore: Store;
  /** refuses at once while the store is known to be away */
  readonly quickStore: Store;
  removeStoreMember(host: HostRecord): Promise<void>;
  rebuildStore(): Promise<void>;
  /** this host's member of the installation's own etcd */
  readonly storeMember: OwnStoreMember;
}

export interface Setup extends Pick<RuntimeParts, "makePromises" | "upstream" | "connectMembers"> {
  readonly store: Store;
  readonly neighbourhood: Neighbourhood;
  /** the other hosts, for requests */
  readonly hosts: Hosts;
  /** name of this host in records and in the status */
  readonly hostName: string;
  readonly certificate: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** what an endpoint of this host has besides its port */
  readonly endpoints: Pick<EndpointConfig, "tls"> & Partial<EndpointConfig>;
  /** what only an installation over several hosts has */
  readonly several?: SeveralSetup;
  /** once the loops can run: takes up the clusters, and whatever else goes on until the end */
  start(runtime: AgentRuntime): Promise<void>;
  /** servers and helpers of this host go on */
  close(): Promise<void>;
  /** ends what serves the servers, which have been stopped */
  stop(): Promise<void>;
}
