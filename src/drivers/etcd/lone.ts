/**
 * The one start with which a member whose others are lost for good becomes a cluster of one (`--force-new-cluster`).
 * Called by server.ts, at a person's order; it leaves the data ready for an ordinary start, and no process.
 *
 * What a server has applied may be more than its log on disk knows to be committed, for the commit index is written with
 * the next entry. The forced start keeps it in the database and drops it from the log (etcd issue 14009): whoever joined
 * and was given that log would come to something else, for ever. A log that begins with a snapshot cannot be given from
 * its first entry, so that whoever joins is sent the database itself. A running etcd keeps the entries before a snapshot
 * too; one that is started reads only those after it. Therefore: a snapshot, an orderly end, and another start. Until
 * then nobody may join or write, so this one listens where nobody looks for it.
 */
import { createServer } from "node:net";
import { OpError } from "../../errors/op-error.ts";
import { pause } from "./enlist.ts";
import { type EtcdFiles, lastWords, snapshotNames } from "./files.ts";
import type { EtcdMembers } from "./membership.ts";
import type { EtcdSelf } from "./port.ts";
import { endEtcd, isRunning } from "./process.ts";
import { clientUrl } from "./settings.ts";

/** an election of one, what was not yet applied, and a snapshot */
const aloneMs = 30_000;

interface Means {
  readonly start: (alone: { readonly clientPort: number }) => Promise<number>;
  readonly members: (url: string) => EtcdMembers;
}

/** @throws OpError etcd-failed; again from the beginning then */
export async function startAlone(self: EtcdSelf, files: EtcdFiles, means: Means, end: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([end, AbortSignal.timeout(aloneMs)]);
  const before = new Set(await snapshotNames(files));
  const clientPort = await freePort();
  const url = clientUrl({ ...self, clientPort });
  const members = means.members(url);
  const pid = await means.start({ clientPort });
  try {
    const isNew = (name: string) => !before.has(name);
    const isDone = async () => (await leads(members, url)) && (await snapshotNames(files)).some(isNew);
    while (!(await isDone())) {
      if (signal.aborted || !isRunning(pid)) throw await failed(files);
      await pause(signal);
    }
  } finally {
    members.close();
    // In order, so that what it has done is on disk with the index up to which it is committed.
    await endEtcd(pid, files);
  }
}

async function leads(members: EtcdMembers, url: string): Promise<boolean> {
  const health = await members.health(url).catch(() => undefined);
  return health !== undefined && health.leader === health.id;
}

async function failed(files: EtcdFiles): Promise<OpError> {
  return new OpError("etcd-failed", {
    message: "etcd of this host does not come up without the others",
    detail: `Its last words: ${await lastWords(files)}`,
    hint: `See ${files.log}.`,
  });
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
