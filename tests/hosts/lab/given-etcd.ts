/**
 * An etcd that the user has, on the laboratory's client: TLS with an authority of its own, users, and one of them who may
 * only read and write below a prefix. Of another version than Debian's with MATRIARCH_TEST_ETCD. Used by lab.ts.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { etcdctlPath, etcdPath, makeHostCertificates } from "../../fixtures/etcd.ts";
import { until } from "../../faults/until.ts";
import { Machine } from "./machine.ts";
import type { Network } from "./network.ts";

const password = "s3cret with blanks";
const prefix = "/teams/dba/";

/** @returns flags of `host init` */
export async function startGivenEtcd(network: Network, name: string, directory: string): Promise<readonly string[]> {
  const machine = new Machine(network, name, directory);
  const { address } = machine;
  const { caFile, certFile, keyFile } = await makeHostCertificates(join(directory, "etcd"), "etcd", address);
  const url = `https://${address}:2379`;
  const flags = {
    "data-dir": join(directory, "etcd", "data"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "cert-file": certFile,
    "key-file": keyFile,
    "logger": "zap",
    "bcrypt-cost": "4",
  };
  const command = [etcdPath, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
  machine.start(["sh", "-c", 'while :; do "$@"; sleep 1; done', "given-etcd", ...command], { log: "etcd.log" });
  const etcdctl = async (...args: readonly string[]): Promise<boolean> => {
    const env = { PATH: "/usr/bin:/bin", ETCDCTL_API: "3" };
    return (await machine.run([etcdctlPath, "--cacert", caFile, "--endpoints", url, ...args], { env })).code === 0;
  };
  await until("the given etcd to answer", async () => ((await etcdctl("endpoint", "health")) ? true : undefined));
  for (const words of [
    ["user", "add", "root:root"],
    ["user", "grant-role", "root", "root"],
    ["user", "add", `matriarch:${password}`],
    ["role", "add", "matriarch"],
    ["role", "grant-permission", "matriarch", "readwrite", prefix, "--prefix"],
    ["user", "grant-role", "matriarch", "matriarch"],
    ["auth", "enable"],
  ])
    if (!(await etcdctl(...words))) throw new Error(`etcdctl ${words.slice(0, 2).join(" ")} failed`);
  const given = join(directory, "given");
  mkdirSync(given, { recursive: true });
  writeFileSync(join(given, "password"), `${password}\n`, { mode: 0o600 });
  const login = ["--store-user", "matriarch", "--store-password-file", join(given, "password")];
  return ["--store", url, "--store-ca", caFile, "--store-prefix", prefix, ...login];
}
