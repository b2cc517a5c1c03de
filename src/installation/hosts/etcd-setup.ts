/**
 * The store of a host that is being made or joins: an etcd of its own, begun or joined and left running for the agent,
 * or one that the user has. Given to setup.ts by the command line's entry.
 */
import { hostPorts } from "../../domain/host.ts";
import { hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { findEtcd } from "../../drivers/etcd/program.ts";
import { EtcdServer } from "../../drivers/etcd/server.ts";
import { checkEtcd } from "../../drivers/store/etcd/check.ts";
import { openEtcdStore } from "../../drivers/store/etcd/store.ts";
import { noLog } from "../../log/log.ts";
import type { StoreConfig, StoreHost, StoreSetup } from "./own-store.ts";

const foundMs = 30_000;
/** a large store takes its time to be copied */
const joinMs = 120_000;

export const etcdSetup: StoreSetup = {
  findEtcd: async () => void (await findEtcd()),
  startFirst: (host) => withServer(host, (server) => server.found(AbortSignal.timeout(foundMs))),
  join: (host, endpoints) => withServer(host, (server) => server.join(endpoints, AbortSignal.timeout(joinMs))),
  check: (config) => checkEtcd({ ...accessTo(undefined, config), endpoints: config.endpoints }),
  open: (home, config) =>
    openEtcdStore({ ...accessTo(home, config), endpoints: config.endpoints, prefix: config.prefix, log: noLog }),
};

async function withServer({ home, self }: StoreHost, use: (server: EtcdServer) => Promise<void>): Promise<void> {
  const { etcdClient: clientPort, etcdPeer: peerPort } = hostPorts(self.basePort);
  const server = new EtcdServer({
    self: { home, name: self.name, address: self.address, clientPort, peerPort },
    program: await findEtcd(),
    tell: () => {},
    log: noLog,
  });
  try {
    await use(server);
  } finally {
    // It goes on running; the agent adopts it.
    server.close();
  }
}

function accessTo(home: string | undefined, { kind, ca_file, cert_file, key_file, user, password_file }: StoreConfig) {
  const pair = cert_file === undefined || key_file === undefined ? {} : { certFile: cert_file, keyFile: key_file };
  const given = ca_file === undefined ? undefined : { caFile: ca_file, ...pair };
  return {
    tls: kind === "own" && home !== undefined ? hostCertificateFiles(home) : given,
    ...(user === undefined ? {} : { user }),
    ...(password_file === undefined ? {} : { passwordFile: password_file }),
  };
}
