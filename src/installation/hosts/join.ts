/**
 * `matriarch host join`: this machine becomes a host of an installation. First everything is looked at on both sides and
 * nothing changed; then the installation admits it; then its files are written, host.json last. Cut short anywhere, the
 * same command goes on: the key that was made first says that it is the same host. Called through setup.ts.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { prepareHome } from "../../config/home.ts";
import type { HostConfig } from "../../config/host-config.ts";
import { version } from "../../config/version.ts";
import {
  joinCheckSchema,
  joinedSchema,
  joinGreetingSchema,
  notOfThisInstallation,
  type HostMade,
  type HostOptions,
  type JoinCheck,
  type Joined,
  type JoinRequest,
} from "../../contract/host.ts";
import { hostPorts } from "../../domain/host.ts";
import { fingerprintOf, readText, replaceFile } from "../../drivers/certificates/files.ts";
import { hostCertificateFiles, installHostCertificate, makeHostRequest } from "../../drivers/certificates/host.ts";
import { readInstallation } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { refuseOtherClock, refuseOtherVersion } from "./admit.ts";
import { callAgent } from "./call-agent.ts";
import { madeBefore, putHostAside, refuseOther, stateOf } from "./home-state.ts";
import type { StoreSetup } from "./own-store.ts";
import { atPort, connectionRefused, listenForReach, probePort } from "./reach.ts";
import { findEngines, onlyAddress, resolveSelf, type HostSelf } from "./self.ts";
import { forgetStore, writeStoreFiles } from "./store-files.ts";
import { parseToken, type TokenText } from "./token.ts";
import { writeHostConfig } from "./write-config.ts";

const greetMs = 5000;
const joinMs = 30_000;

type Made = Omit<HostMade, "service">;

export async function joinHost(
  tokenText: string,
  options: HostOptions,
  stores: StoreSetup,
  tell: (step: string) => void,
): Promise<Made> {
  const token = parseToken(tokenText);
  const config = await stateOf(options.home);
  if (config) {
    await refuseOtherInstallation(config, options, token);
    if (!(await wasRemoved(options.home, token))) return unchanged(config, options);
    if (!options.again) throw removedBefore(config, options.home);
  }
  const seed = await findAgent(token, tell);
  const self = resolveSelf({ ...(config && placeOf(config)), ...options }, () => addressTowards(seed.localAddress));
  refuseOtherVersion(seed.version);
  refuseOtherClock(seed.clockAheadMs, self.name);
  const engines = await findEngines();

  prepareHome(options.home);
  const nonce = `matriarch ${randomBytes(12).toString("hex")}\n`;
  const ask = async (): Promise<JoinRequest> => ({
    token: { id: token.id, secret: token.secret },
    name: self.name,
    address: self.address,
    base_port: self.basePort,
    region: self.region,
    zone: self.zone,
    version,
    request: await makeHostRequest(options.home, self.name),
    sent_at: Date.now(),
    engines: { embedded: [...engines.embedded], system: [...engines.system] },
    nonce,
  });
  // Of a removed host: it gets a key of its own, and nothing is put aside before it is known that it may join.
  const begin = async (): Promise<void> => {
    if (config) tell(`putting what this home was aside, as ${await putHostAside(options.home, Date.now())}`);
  };
  const joined = await admission(seed, self, { nonce, ask, begin, tell });
  return settle({ options, self, token, seed, joined, stores, tell });
}

interface Seed {
  readonly agent: string;
  readonly ca: string;
  readonly version: string;
  /** of this host's clock, half the way's time not counted */
  readonly clockAheadMs: number;
  readonly localAddress: string;
}

/** The first agent of the token that answers and is of its installation. */
async function findAgent(token: TokenText, tell: (step: string) => void): Promise<Seed> {
  const failures: string[] = [];
  for (const agent of token.agents) {
    tell(`asking the agent at ${agent}`);
    try {
      return await greet(agent, token);
    } catch (error) {
      if (!(error instanceof OpError && error.code === "host-unreachable")) throw error;
      failures.push(`${error.message}: ${error.detail ?? ""}`);
    }
  }
  throw new OpError("host-unreachable", {
    message: "no host of the installation can be reached from here",
    detail: failures.join("\n"),
    hint: "See that it runs (matriarch agent status there), and that ports 7400 to 7405 are open between the hosts.",
  });
}

async function greet(agent: string, token: TokenText): Promise<Seed> {
  const before = Date.now();
  const { document, localAddress } = await callAgent(agent, undefined, {
    method: "GET",
    path: "/v1/join",
    deadlineMs: greetMs,
  });
  const after = Date.now();
  const parsed = joinGreetingSchema.safeParse(document);
  if (!parsed.success)
    throw new OpError("host-unreachable", { message: `what answers at ${agent} is not an agent of this version` });
  const { ca, version: theirs, now } = parsed.data;
  if (!isCa(ca, token.caFingerprint)) {
    throw new OpError("join-refused", {
      message: `the agent at ${agent} is of another installation than the token`,
      detail: "Its CA is not the one that the token names: the host was made anew, or something stands between.",
      hint: "Make a new token on a host of the installation: matriarch host token",
    });
  }
  return { agent, ca, version: theirs, clockAheadMs: (before + after) / 2 - now, localAddress };
}

function isCa(pem: string, fingerprint: string): boolean {
  try {
    return fingerprintOf(pem) === fingerprint;
  } catch {
    return false;
  }
}

/** Behind a connection to ourselves no other host would find us. */
function addressTowards(localAddress: string): string {
  const address = localAddress.replace(/^::ffff:/, "");
  return address === "" || address.startsWith("127.") || address === "::1" ? onlyAddress() : address;
}

interface Admission {
  readonly nonce: string;
  readonly ask: () => Promise<JoinRequest>;
  /** when nothing speaks against it */
  readonly begin: () => Promise<void>;
  readonly tell: (step: string) => void;
}

async function admission({ agent, ca }: Seed, self: HostSelf, { nonce, ask, begin, tell }: Admission): Promise<Joined> {
  await using _listening = await listenForReach(self.address, self.basePort, nonce);
  tell("looking whether the hosts reach each other");
  const checked = await callAgent(agent, ca, {
    method: "POST",
    path: "/v1/join/check",
    body: await ask(),
    deadlineMs: joinMs,
  });
  await refuseUnreached(joinCheckSchema.parse(checked.document), self);
  await begin();
  tell("joining");
  const body = await ask();
  const admitted = await callAgent(agent, ca, { method: "POST", path: "/v1/join", body, deadlineMs: joinMs });
  return joinedSchema.parse(admitted.document);
}

/** The others reach us; we must reach them, too. */
async function refuseUnreached({ hosts }: JoinCheck, self: HostSelf): Promise<void> {
  const reasons = await Promise.all(
    hosts.map(async ({ name, address, base_port }) => {
      const { api, guard, relay } = hostPorts(base_port);
      const tried = [api, guard, relay].map(async (port) => {
        const reason = await probePort(address, port, undefined);
        // A guard or relay that is being started refuses; what matters is that the way there is open.
        if (port !== api && reason === connectionRefused) return [];
        return reason === undefined ? [] : [`Host "${name}" at ${atPort(address, port)}: ${reason}.`];
      });
      return (await Promise.all(tried)).flat();
    }),
  );
  if (reasons.flat().length === 0) return;
  throw new OpError("host-unfit", {
    message: `host "${self.name}" does not reach the others`,
    detail: reasons.flat().join("\n"),
    hint: "Open these ports between the hosts, and see that the agents there run: matriarch host list",
  });
}

interface Settling {
  readonly options: HostOptions;
  readonly self: HostSelf;
  readonly token: TokenText;
  readonly seed: Seed;
  readonly joined: Joined;
  readonly stores: StoreSetup;
  readonly tell: (step: string) => void;
}

async function settle({ options, self, token, seed, joined, stores, tell }: Settling): Promise<Made> {
  const { home } = options;
  const { caFile, caKeyFile } = hostCertificateFiles(home);
  await mkdir(dirname(caFile), { recursive: true, mode: 0o755 });
  await replaceFile(caFile, seed.ca, 0o644);
  if (joined.ca_key !== null) await replaceFile(caKeyFile, joined.ca_key, 0o600);
  // One that this machine made for itself before belongs to no certificate any more.
  else await rm(caKeyFile, { force: true });
  await installHostCertificate(home, joined.certificate);
  const store = await writeStoreFiles(home, joined.store);
  if (joined.runs_store) {
    tell("starting etcd and letting it catch up");
    await stores.join({ home, self }, store.endpoints);
  }
  tell("reading the store");
  await refuseOtherStore(home, stores, store, token.caFingerprint);
  const { name, address, basePort, zone, region } = self;
  const { installation } = joined;
  await forgetStore(home);
  await writeHostConfig(home, { installation, name, address, base_port: basePort, region, zone, store });
  const told = { kind: store.kind, endpoints: store.endpoints, isMember: joined.runs_store };
  const hosts = joined.hosts.map((host) => host.name);
  return { changed: true, installation, ...self, store: told, engines: await findEngines(), token: null, hosts };
}

async function refuseOtherStore(
  home: string,
  stores: StoreSetup,
  config: HostConfig["store"],
  caFingerprint: string,
): Promise<void> {
  const store = stores.open(home, config);
  try {
    const installation = await readInstallation(store);
    if (installation?.value.caFingerprint === caFingerprint) return;
    throw new OpError("store-taken", {
      message: "the store that this host reaches is not that of the installation",
      detail: `It was asked at ${config.endpoints.join(", ")}.`,
    });
  } finally {
    await store.close();
  }
}

const removeFirst = "Remove it there first with matriarch host remove, or use another MATRIARCH_HOME.";

/** Joined already, to the same installation: then there is nothing to do. */
async function unchanged(config: HostConfig, options: HostOptions): Promise<Made> {
  refuseOther(config, options, removeFirst);
  return madeBefore(config, false);
}

async function refuseOtherInstallation({ name }: HostConfig, { home }: HostOptions, token: TokenText): Promise<void> {
  const ca = await readText(hostCertificateFiles(home).caFile);
  if (ca !== undefined && isCa(ca, token.caFingerprint)) return;
  throw new OpError("host-exists", {
    message: `this home is host "${name}" of another installation already`,
    detail: `See "${home}".`,
    hint: removeFirst,
  });
}

/** By its own certificate, as any host asks another. Nobody there, or no certificate: then it is not known to be. */
async function wasRemoved(home: string, { agents }: TokenText): Promise<boolean> {
  const { caFile, certFile, keyFile } = hostCertificateFiles(home);
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readText));
  if (ca === undefined || cert === undefined || key === undefined) return false;
  const body = { address: "-", ports: [], nonce: "-" };
  const call = { method: "POST", path: "/v1/peer/reach", body, deadlineMs: greetMs, as: { cert, key } } as const;
  for (const agent of agents) {
    try {
      await callAgent(agent, ca, call);
      return false;
    } catch (error) {
      // Its certificate may also have expired while it was off: then it still is a host, and has to be removed first.
      if (error instanceof OpError && error.code === "not-authenticated")
        return error.detail?.includes(notOfThisInstallation) ?? false;
    }
  }
  return false;
}

/** What it was, where nothing else is asked for. */
function placeOf({ name, address, zone, region, base_port: basePort }: HostConfig) {
  return { name, address, zone, region, basePort };
}

function removedBefore({ name }: HostConfig, home: string): OpError {
  return new OpError("host-removed", {
    message: `host "${name}" was removed from the installation, and this home still is that host`,
    detail:
      `To join again, its agent and servers are stopped, and its certificate, its etcd and its members' directories are ` +
      `put aside below "${home}/aside".`,
    hint: "Do that with: matriarch host join TOKEN --yes",
  });
}
