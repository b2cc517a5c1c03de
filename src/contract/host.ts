/**
 * Hosts of an installation: what the API and the command line say about them, and how one is made and joined. Joining
 * speaks to `/v1/join`, the only routes that take no certificate: the token in the request's body is what lets in.
 */
import { z } from "zod";

import type { Operation } from "./cluster.ts";
import type { Asked } from "./installation.ts";

export const hostStatusSchema = z.object({
  name: z.string(),
  address: z.string(),
  base_port: z.int(),
  zone: z.string(),
  region: z.string(),
  labels: z.record(z.string(), z.string()),
  state: z.enum(["active", "draining"]),
  /** its agent answers the agent that was asked */
  heard: z.boolean(),
  version: z.string(),
  /** members placed there, `shop-1` */
  members: z.array(z.string()),
  /** of one that is not heard: for how long, as far as the agent that was asked knows */
  silent_ms: z.number().nullable(),
  /** of one that is not heard: until its members are replaced on a spare host, if there is one */
  replaced_in_ms: z.number().nullable(),
  /** runs a member of the installation's own etcd */
  runs_store: z.boolean(),
  /** holds the CA's key: hosts can join through it */
  signs: z.boolean(),
  engines: z.object({ embedded: z.array(z.int()), system: z.array(z.int()) }),
  joined_at: z.string(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

export const hostRemovedSchema = z.object({
  removed: z.string(),
  /** of a lost host, those that were on it; `successor` is being made on another host, null: no host has room */
  members: z.array(z.object({ cluster: z.string(), member: z.string(), successor: z.string().nullable() })),
});
export type HostRemoved = z.infer<typeof hostRemovedSchema>;

/** What holds for all hosts of the installation. */
export const hostSettingsSchema = z.strictObject({
  /** a host that is silent for so long has its members replaced on a spare host; null: never by itself */
  replace_after_ms: z.int().min(10_000).nullable(),
});
export type HostSettings = z.infer<typeof hostSettingsSchema>;

export const tokenUsesMax = 100;
export const tokenExpiresMsMax = 30 * 24 * 3_600_000;
export const joinTokenRequestSchema = z.strictObject({
  expires_ms: z.int().min(1000).max(tokenExpiresMsMax).default(3_600_000),
  /** so many hosts may join with it; one that joins again does not count */
  uses: z.int().min(1).max(tokenUsesMax).default(10),
});
export const joinTokenSchema = z.object({
  id: z.string(),
  /** shown once */
  token: z.string(),
  expires_at: z.string(),
  uses: z.int(),
});
export type JoinToken = z.infer<typeof joinTokenSchema>;

const label = z.string().regex(/^[A-Za-z0-9][\w./-]{0,62}$/, "a label's name: letters, digits and . _ / -");
/** null takes a label away */
export const labelRequestSchema = z.strictObject({ labels: z.record(label, z.string().max(255).nullable()) });

/** How a removed host's certificate is refused; by these words it knows what it is. */
export const notOfThisInstallation = "is not one of this installation";

/** What an agent says to whoever asks, before any secret is sent: the asker compares `ca` with its token. */
export const joinGreetingSchema = z.object({ ca: z.string(), version: z.string(), now: z.number() });
export type JoinGreeting = z.infer<typeof joinGreetingSchema>;

const text = z.string().min(1).max(255);
const majors = z.array(z.int()).max(32);
export const joinRequestSchema = z.strictObject({
  token: z.strictObject({ id: text, secret: text }),
  name: text,
  address: text,
  base_port: z.int().min(1024).max(65_500),
  region: text,
  zone: text,
  version: text,
  /** wall clock when it was sent */
  sent_at: z.number(),
  /** PKCS#10, PEM */
  request: z.string().max(8192),
  engines: z.strictObject({ embedded: majors, system: majors }),
  /** what its temporary listeners say, so that nobody else is taken for them */
  nonce: text,
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

const neighbourSchema = z.object({ name: z.string(), address: z.string(), base_port: z.int() });

/** Nothing was changed: the host that asks looks whether it reaches the others, too. */
export const joinCheckSchema = z.object({
  /** those that answer the agent that was asked */
  hosts: z.array(neighbourSchema),
});
export type JoinCheck = z.infer<typeof joinCheckSchema>;

export const joinStoreSchema = z.object({
  kind: z.enum(["own", "given"]),
  endpoints: z.array(z.string()),
  prefix: z.string(),
  user: z.string().optional(),
  /** of a given etcd; texts of files */
  password: z.string().optional(),
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
});
export type JoinStore = z.infer<typeof joinStoreSchema>;

export const joinedSchema = z.object({
  installation: z.string(),
  certificate: z.string(),
  /** for one of the first hosts: it can let others join, too */
  ca_key: z.string().nullable(),
  runs_store: z.boolean(),
  store: joinStoreSchema,
  hosts: z.array(neighbourSchema),
});
export type Joined = z.infer<typeof joinedSchema>;

/** Peer routes: `/v1/peer/reach`, `/v1/peer/certificate`. */
export const reachRequestSchema = z.strictObject({
  address: text,
  ports: z.array(z.int().min(1).max(65_535)).max(16),
  nonce: text,
});
export type ReachRequest = z.infer<typeof reachRequestSchema>;
/** what did not work, in words; none: all could be reached. Asked for no ports it only says that the agent is there */
export const reachAnswerSchema = z.object({
  version: z.string(),
  unreachable: z.array(z.object({ port: z.int(), reason: z.string() })),
});
export type ReachAnswer = z.infer<typeof reachAnswerSchema>;
/** `/v1/peer/place`: a place among the first hosts that a host has, or takes by asking because it is free. */
export const placeAnswerSchema = z.object({
  ca_key: z.string().nullable(),
  runs_store: z.boolean(),
  /** of the other members of the installation's own etcd */
  endpoints: z.array(z.string()),
});
export type PlaceAnswer = z.infer<typeof placeAnswerSchema>;
export const certificateRequestSchema = z.strictObject({ request: z.string().max(8192) });
export const certificateAnswerSchema = z.object({ certificate: z.string() });

/** What the running agent offers about hosts; an embedded installation has one host and refuses changes. */
export interface HostsInstallation {
  list(): Promise<readonly HostStatus[]>;
  settings(): Promise<HostSettings>;
  change(settings: HostSettings, asked: Asked): Promise<HostSettings>;
  makeToken(options: z.output<typeof joinTokenRequestSchema>, asked: Asked): Promise<JoinToken>;
  revokeToken(id: string, asked: Asked): Promise<void>;
  label(name: string, labels: Readonly<Record<string, string | null>>, asked: Asked): Promise<HostStatus>;
  drain(name: string, asked: Asked): Promise<Operation>;
  undrain(name: string, asked: Asked): Promise<HostStatus>;
  remove(name: string, options: { readonly lost: boolean }, asked: Asked): Promise<HostRemoved>;
  /** of this host's etcd alone, the others being lost for good; needs no store */
  rebuildStore(asked: Asked): Promise<void>;

  /** open to everybody */
  greet(): Promise<JoinGreeting>;
  /** open to everybody; the token is checked. Changes nothing */
  checkJoin(request: JoinRequest): Promise<JoinCheck>;
  join(request: JoinRequest): Promise<Joined>;

  /** for other hosts of the installation */
  reach(request: ReachRequest): Promise<ReachAnswer>;
  /** a new certificate for host `name`, which has shown that it is this host by the one that it still has */
  certify(name: string, request: string): Promise<string>;
  /** what belongs to the place of host `name` among the first; a free one is its from then on */
  place(name: string): Promise<PlaceAnswer>;
}

/** What `host init` and `host join` do on this machine; the command line is given it by its entry. */
export interface HostSetup {
  init(options: InitOptions, tell: (step: string) => void): Promise<HostMade>;
  /** @throws OpError host-removed, when the home is that of a host that was removed, unless it is to join `again` */
  join(token: string, options: HostOptions, tell: (step: string) => void): Promise<HostMade>;
}

export interface HostOptions {
  readonly home: string;
  readonly name?: string;
  readonly address?: string;
  readonly zone?: string;
  readonly region?: string;
  readonly basePort?: number;
  /** a systemd service, where systemd runs and one may be installed */
  readonly service: boolean;
  readonly agentScript: string;
  /** join, on the home of a host that was removed: what makes it that host is put aside first */
  readonly again?: boolean;
}

export interface InitOptions extends HostOptions {
  /** undefined: an etcd of its own */
  readonly store?: GivenStore;
}

/** An etcd that exists already; files are read, or named in host.json, where they stay */
export interface GivenStore {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface HostMade {
  /** false: it was so already, and nothing was done */
  readonly changed: boolean;
  readonly installation: string;
  readonly name: string;
  readonly address: string;
  readonly basePort: number;
  readonly zone: string;
  readonly region: string;
  readonly store: { readonly kind: "own" | "given"; readonly endpoints: readonly string[]; readonly isMember: boolean };
  readonly engines: { readonly embedded: readonly number[]; readonly system: readonly number[] };
  /** name of the systemd unit that runs the agent; null: the command line starts it */
  readonly service: string | null;
  /** init: for the first others */
  readonly token: JoinToken | null;
  /** other hosts of the installation */
  readonly hosts: readonly string[];
}
