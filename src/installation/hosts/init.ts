/**
 * `matriarch host init`: the first host of an installation. Everything that can be refused is looked at before anything
 * is made; host.json comes last, so that an init that was cut short is simply run again. Called through setup.ts.
 */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";

import { homePaths, prepareHome } from "../../config/home.ts";
import type { HostConfig } from "../../config/host-config.ts";
import { version } from "../../config/version.ts";
import type { GivenStore, HostMade, InitOptions } from "../../contract/host.ts";
import type { HostRecord } from "../../domain/host.ts";
import { ensureAuthority } from "../../drivers/certificates/ca.ts";
import { fingerprintOf, readText } from "../../drivers/certificates/files.ts";
import {
  hostCertificateFiles,
  installHostCertificate,
  makeHostRequest,
  readAuthority,
  signHost,
} from "../../drivers/certificates/host.ts";
import { listHosts, readInstallation, writeInstallation } from "../../drivers/store/host-records.ts";
import type { Store } from "../../drivers/store/port.ts";
import { OpError } from "../../errors/op-error.ts";
import { madeBefore, refuseOther, stateOf } from "./home-state.ts";
import type { StoreConfig, StoreSetup } from "./own-store.ts";
import { listenForReach } from "./reach.ts";
import { findEngines, onlyAddress, resolveSelf, type HostSelf } from "./self.ts";
import { forgetStore, storeEndpoint } from "./store-files.ts";
import { makeJoinToken } from "./tokens.ts";
import { writeHostConfig } from "./write-config.ts";

export const usualPrefix = "/matriarch/";
const tokenExpiresMs = 3_600_000;
const tokenUses = 10;

type Made = Omit<HostMade, "service">;

export async function initHost(options: InitOptions, stores: StoreSetup, tell: (step: string) => void): Promise<Made> {
  const config = await stateOf(options.home);
  if (config) return unchanged(config, options);
  const self = resolveSelf(options, onlyAddress);
  const engines = await findEngines();
  // Only looks whether the ports can be had.
  await (await listenForReach(self.address, self.basePort, ""))[Symbol.asyncDispose]();
  const storeConfig = storeConfigOf(options.store, self);
  if (options.store) {
    tell(`asking the store at ${storeConfig.endpoints.join(", ")}`);
    await stores.check(storeConfig);
    await refuseForeignStore(options.home, stores, storeConfig);
  } else await stores.findEtcd();

  prepareHome(options.home);
  tell("making the certificates");
  const caFingerprint = await makeCertificates(options.home, self);
  if (!options.store) {
    tell("starting etcd");
    await stores.startFirst({ home: options.home, self });
  }
  const store = stores.open(options.home, storeConfig);
  try {
    tell("writing the first records");
    const record = { ...(await recordOf(options.home, self)), engines, runsStore: options.store === undefined };
    const installation = await takeStore(store, caFingerprint, record);
    await forgetStore(options.home);
    await writeHostConfig(options.home, { installation, ...configOf(self), store: storeConfig });
    const wish = { expiresMs: tokenExpiresMs, uses: tokenUses, by: "host init", now: Date.now() };
    const token = await makeJoinToken(store, [record], caFingerprint, wish);
    const told = { kind: storeConfig.kind, endpoints: storeConfig.endpoints, isMember: record.runsStore };
    return { changed: true, installation, ...self, store: told, engines, token, hosts: [] };
  } finally {
    await store.close();
  }
}

async function unchanged(config: HostConfig, options: InitOptions): Promise<Made> {
  refuseOther(config, options, "To begin anew, remove it from its installation first, or use another MATRIARCH_HOME.");
  refuseOtherStore(config, options);
  return madeBefore(config, config.store.kind === "own");
}

function refuseOtherStore({ name, store }: HostConfig, { store: asked }: InitOptions): void {
  const isSame = asked
    ? store.kind === "given" &&
      asked.prefix === store.prefix &&
      asked.endpoints.every((url) => store.endpoints.includes(url))
    : store.kind === "own";
  if (isSame) return;
  throw new OpError("host-exists", {
    message: `this home is host "${name}" of an installation already, with another store`,
    detail: `Its store is ${store.kind === "own" ? "etcd of its own" : store.endpoints.join(", ")}.`,
  });
}

function configOf({ name, address, basePort, zone, region }: HostSelf): Omit<HostConfig, "installation" | "store"> {
  return { name, address, base_port: basePort, region, zone };
}

function storeConfigOf(given: GivenStore | undefined, self: HostSelf): StoreConfig {
  if (!given) return { kind: "own", endpoints: [storeEndpoint(self)], prefix: usualPrefix };
  const { endpoints, prefix, user, passwordFile, caFile, certFile, keyFile } = given;
  return {
    kind: "given",
    endpoints: [...endpoints],
    prefix,
    ...(user === undefined ? {} : { user }),
    ...(passwordFile === undefined ? {} : { password_file: resolve(passwordFile) }),
    ...(caFile === undefined ? {} : { ca_file: resolve(caFile) }),
    ...(certFile === undefined ? {} : { cert_file: resolve(certFile) }),
    ...(keyFile === undefined ? {} : { key_file: resolve(keyFile) }),
  };
}

/** @returns the CA's fingerprint */
async function makeCertificates(home: string, self: HostSelf): Promise<string> {
  await ensureAuthority(homePaths(home).ca, Date.now());
  const authority = await readAuthority(home);
  if (!authority) throw new OpError("bad-certificate", { message: "the CA's key is missing" });
  const request = await makeHostRequest(home, self.name);
  await installHostCertificate(home, await signHost(authority, { ...self, request }, Date.now()));
  return fingerprintOf(authority.cert);
}

async function recordOf(home: string, self: HostSelf): Promise<Omit<HostRecord, "engines" | "runsStore">> {
  const { checkHostCertificate } = await import("../../drivers/certificates/host.ts");
  const { keyFingerprint } = await checkHostCertificate(home, Date.now());
  return { ...self, labels: {}, version, state: "active", keyFingerprint, signs: true, joinedAt: Date.now() };
}

/** Nothing is below our prefix, or it is from an init of this home that was cut short. */
async function refuseForeignStore(home: string, stores: StoreSetup, config: StoreConfig): Promise<void> {
  const store = stores.open(home, config);
  try {
    const ca = await readText(hostCertificateFiles(home).caFile);
    await whoseStore(store, ca === undefined ? undefined : fingerprintOf(ca));
  } finally {
    await store.close();
  }
}

/** @returns id of the installation that is ours already. @throws OpError store-taken */
async function whoseStore(store: Store, caFingerprint: string | undefined): Promise<string | undefined> {
  const installation = await readInstallation(store);
  if (installation && installation.value.caFingerprint === caFingerprint) return installation.value.id;
  const { entries } = await store.read("");
  if (!installation && entries.length === 0) return undefined;
  throw new OpError("store-taken", {
    message: "the store holds the data of another installation",
    detail: installation
      ? `It was made ${new Date(installation.value.createdAt).toISOString()} and has the hosts ${(await listHosts(store)).map(({ value }) => value.name).join(", ")}.`
      : `There are ${entries.length} keys below the prefix that say of no installation.`,
    hint: "Join that installation with: matriarch host join TOKEN. Or give another prefix with --store-prefix.",
  });
}

async function takeStore(store: Store, caFingerprint: string, host: HostRecord): Promise<string> {
  const ours = await whoseStore(store, caFingerprint);
  if (ours !== undefined) return ours;
  const id = randomBytes(8).toString("hex");
  await writeInstallation(store, { id, caFingerprint, createdAt: Date.now() }, host);
  return id;
}
