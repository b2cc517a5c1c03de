/** An installation on one host: SQLite for the store, promises in this process, members reached directly. */
import { hostname } from "node:os";
import { alone } from "../agent/neighbourhood.ts";
import { Voters } from "../agent/voters.ts";
import { ensureServerCertificate } from "../drivers/certificates/ca.ts";
import { openEmbeddedStore } from "../drivers/store/embedded.ts";
import { listClusters } from "../drivers/store/records.ts";
import { OpError } from "../errors/op-error.ts";
import type { Setup, SetupParts } from "./setup.ts";

const certificateNames = ["localhost", "127.0.0.1", "::1", hostname()];
const dayMs = 86_400_000;

export async function setUpOneHost(parts: SetupParts): Promise<Setup> {
  const { paths, timings, servers, clock, log } = parts;
  // The lock of the store: a second agent on this home ends here, and has changed nothing.
  const store = openEmbeddedStore(paths.store);
  const certificate = await ensureServerCertificate(paths.ca, certificateNames, Date.now());
  return {
    store,
    neighbourhood: alone,
    hosts: { self: undefined, all: () => [], isHeard: () => true, heardAt: () => clock.now(), call: refuseCall },
    hostName: hostname(),
    certificate,
    endpoints: { tls: { certFile: certificate.certFile, keyFile: certificate.keyFile } },
    makePromises: () => new Voters(timings, clock.now()),
    upstream: ({ id, port, dataDirectory }) => ({
      member: id,
      socketDirectory: servers.socketDirectory(id),
      port,
      dataDirectory,
    }),
    connectMembers: () => undefined,
    start: async (runtime) => {
      for (const cluster of await listClusters(store))
        await runtime
          .adopt(cluster)
          .catch((error: unknown) => log.error("cluster not wholly taken up", { cluster, error }));
      renewDaily(parts);
    },
    close: () => store.close(),
    stop: async () => undefined,
  };
}

function refuseCall(): never {
  throw new OpError("host-unreachable", { message: "this installation has no other host" });
}

/** The router reads renewed files by itself. */
function renewDaily({ paths, eventFile: { events }, log }: SetupParts): void {
  const renew = async (): Promise<void> => {
    const renewed = await ensureServerCertificate(paths.ca, certificateNames, Date.now());
    if (renewed.isNew) events.emit("certificate.renewed", {}, { until: new Date(renewed.renewAt).toISOString() });
  };
  setInterval(
    () => void renew().catch((error: unknown) => log.error("certificate not renewed", { error })),
    dayMs,
  ).unref();
}
