/**
 * What a home holds before `host init` or `host join`: nothing, the host that is asked for, or something else, which is
 * never overwritten; of a host that was removed it is put aside when a person says so. Damaged files are refused where
 * they are found.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";

import { homePaths } from "../../config/home.ts";
import { hostConfigFile, readHostConfig, type HostConfig } from "../../config/host-config.ts";
import type { HostMade, HostOptions } from "../../contract/host.ts";
import { openEmbeddedStore } from "../../drivers/store/embedded.ts";
import { listClusters } from "../../drivers/store/records.ts";
import { OpError } from "../../errors/op-error.ts";
import { findEngines } from "./self.ts";

/**
 * @returns the host.json that is there already; undefined for a home that can become a host's
 * @throws OpError host-exists when it has clusters, agent-running when an agent of one machine runs on it, bad-value
 */
export async function stateOf(home: string): Promise<HostConfig | undefined> {
  const config = readHostConfig(home);
  if (config) return config;
  const clusters = await clustersOf(home);
  if (clusters.length === 0) return undefined;
  throw new OpError("host-exists", {
    message: "this home has clusters of its own",
    detail: `In "${home}": ${clusters.join(", ")}. They belong to an installation of one machine.`,
    hint: "Use another home with MATRIARCH_HOME, or remove them with: matriarch destroy",
  });
}

/** @throws OpError host-exists unless what is asked for now is what host.json says */
export function refuseOther(config: HostConfig, options: HostOptions, hint: string): void {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ["name", options.name, config.name],
    ["address", options.address, config.address],
    ["zone", options.zone, config.zone],
    ["region", options.region, config.region],
    ["base port", options.basePort, config.base_port],
  ];
  const other = pairs.filter(([, asked, is]) => asked !== undefined && asked !== is);
  if (other.length === 0) return;
  const words = other.map(([what, asked, is]) => `Its ${what} is ${String(is)}, not ${String(asked)}.`);
  throw new OpError("host-exists", {
    message: `this home is host "${config.name}" of an installation already`,
    detail: [`See "${hostConfigFile(options.home)}".`, ...words].join("\n"),
    hint,
  });
}

/**
 * What makes a home this host of this installation. Events, logs and engines stay; directories of members too, which the
 * agent puts aside by itself when it sees that no record names them.
 */
const identity = [
  "host.json",
  "host",
  "ca",
  "store",
  "etcd",
  "etcd.json",
  "etcd.pid",
  "etcd.snapshot",
  "remembered.json",
  "store-known.json",
] as const;

/** host.json first: cut short, the rest is overwritten by the join that follows. @returns where it is now */
export async function putHostAside(home: string, wallNow: number): Promise<string> {
  const aside = join(home, "aside", `host-${wallNow}`);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const name of identity) if (existsSync(join(home, name))) await rename(join(home, name), join(aside, name));
  return aside;
}

/** What is said of a host that is there already. */
export async function madeBefore(config: HostConfig, isMember: boolean): Promise<Omit<HostMade, "service">> {
  const { installation, name, address, base_port: basePort, zone, region, store } = config;
  const self = { installation, name, address, basePort, zone, region };
  const told = { kind: store.kind, endpoints: store.endpoints, isMember };
  return { changed: false, ...self, store: told, engines: await findEngines(), token: null, hosts: [] };
}

async function clustersOf(home: string): Promise<readonly string[]> {
  const paths = homePaths(home);
  const directories = existsSync(paths.clusters) ? readdirSync(paths.clusters) : [];
  if (!existsSync(paths.store)) return directories;
  const store = openStoreOf(paths.store);
  try {
    return [...new Set([...directories, ...(await listClusters(store))])].sort();
  } finally {
    await store.close();
  }
}

function openStoreOf(path: string): ReturnType<typeof openEmbeddedStore> {
  try {
    return openEmbeddedStore(path);
  } catch (cause) {
    if (!(cause instanceof OpError && cause.code === "store-locked")) throw cause;
    throw new OpError("agent-running", {
      message: "an agent runs on this home, as that of one machine",
      hint: "Stop it first: matriarch agent stop",
      cause,
    });
  }
}
