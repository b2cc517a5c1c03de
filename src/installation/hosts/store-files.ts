/**
 * How a host reaches the store: told to a host that joins with everything it needs, written down by it. The secrets of a
 * given etcd go over TLS to whoever showed a good token, and into files of mode 0600.
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { homePaths } from "../../config/home.ts";
import type { HostConfig } from "../../config/host-config.ts";
import type { JoinStore } from "../../contract/host.ts";
import { hostPorts, type HostAddress, type HostRecord } from "../../domain/host.ts";
import { replaceFile } from "../../drivers/certificates/files.ts";
import { atPort } from "./reach.ts";

type StoreConfig = HostConfig["store"];

/** @param hosts whose etcd can be asked, when it is the installation's own */
export async function storeToTell(config: StoreConfig, hosts: readonly HostRecord[]): Promise<JoinStore> {
  const { kind, prefix, user } = config;
  const own = hosts.filter(({ runsStore }) => runsStore).map(storeEndpoint);
  const endpoints = kind === "own" && own.length > 0 ? own : config.endpoints;
  const [password, ca, cert, key] = await Promise.all(
    [config.password_file, config.ca_file, config.cert_file, config.key_file].map(async (file) =>
      file === undefined ? undefined : readFile(file, "utf8"),
    ),
  );
  return {
    kind,
    endpoints,
    prefix,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** @returns what host.json says of it */
export async function writeStoreFiles(home: string, told: JoinStore): Promise<StoreConfig> {
  const directory = join(home, "store");
  const write = async (name: string, text: string | undefined): Promise<string | undefined> => {
    if (text === undefined) return undefined;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await replaceFile(join(directory, name), text, 0o600);
    return join(directory, name);
  };
  const { kind, endpoints, prefix, user } = told;
  const ca_file = await write("ca.crt", told.ca);
  const cert_file = await write("client.crt", told.cert);
  const key_file = await write("client.key", told.key);
  const password_file = await write("password", told.password);
  return {
    kind,
    endpoints,
    prefix,
    ...(user === undefined ? {} : { user }),
    ...(ca_file === undefined ? {} : { ca_file }),
    ...(cert_file === undefined ? {} : { cert_file }),
    ...(key_file === undefined ? {} : { key_file }),
    ...(password_file === undefined ? {} : { password_file }),
  };
}

/** What an earlier life of this home knew of its store says nothing of the one that it gets now. */
export async function forgetStore(home: string): Promise<void> {
  const { remembered, knownStore } = homePaths(home);
  await Promise.all([remembered, knownStore].map((file) => rm(file, { force: true })));
}

export function storeEndpoint({ address, basePort }: HostAddress): string {
  return `https://${atPort(address, hostPorts(basePort).etcdClient)}`;
}
