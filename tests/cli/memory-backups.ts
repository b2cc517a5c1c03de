/** The backups of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { Asked } from "../../src/contract/asked.ts";
import type { Backups, BackupsInstallation } from "../../src/contract/backups.ts";
import type { ClusterStatus, Operation } from "../../src/contract/cluster.ts";
import { OpError } from "../../src/errors/op-error.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly begin: (kind: string, cluster: string, asked: Asked, end: () => Operation["result"]) => Operation;
}

const label = "20261122-015336F";

function backupsOf(cluster: string): Backups {
  return {
    cluster,
    stanza: cluster,
    exists: true,
    program: "2.45",
    repositories: [
      {
        number: 1,
        kind: "s3",
        to: "s3://backups/shop at s3.eu-central-1.amazonaws.com",
        encrypted: true,
        escrow: true,
        problem: null,
        newest_segment: "000000010000000000000008",
        archived_until: "2026-11-22T02:00:12.000Z",
        backups: 1,
        newest_backup_at: "2026-11-22T01:53:40.000Z",
        is_overdue: false,
      },
    ],
    policy: {
      full_every_days: 7,
      between_every_hours: 24,
      between: "incremental",
      kept_days: 14,
      kept_fulls: 2,
      next_at: "2026-11-23T03:24:00.000Z",
    },
    push_problem: null,
    backups: [
      {
        label,
        repository: 1,
        kind: "full",
        started_at: "2026-11-22T01:53:36.000Z",
        ended_at: "2026-11-22T01:53:40.000Z",
        size_bytes: 22_992_564,
        own_bytes: 3_082_000,
        wal: { from: "000000010000000000000003", to: "000000010000000000000004" },
        lsn: { from: "0/3000028", to: "0/4000050" },
        needs: [],
        version: 15,
        has_bad_pages: false,
        locked_until: null,
        proof: { at: "2026-11-22T02:00:00.000Z", how: "verified", is_good: true },
        is_current: true,
      },
    ],
  };
}

export function createMemoryBackups({ find, record, begin }: Around): BackupsInstallation {
  const asked = (name: string, cluster: string, by: Asked, ...args: readonly unknown[]): void => {
    find(cluster);
    record(name, by, cluster, ...args);
  };
  return {
    async enable(cluster, request, by) {
      asked("enableBackups", cluster, by, request);
      const operation = begin("backup enable", cluster, by, () => ({ message: label }));
      return { operation, key: request.encrypt && request.key === undefined ? "k3y-that-was-made" : null };
    },
    async disable(cluster, request, by) {
      asked("disableBackups", cluster, by, request);
      return begin("backup disable", cluster, by, () => ({ deleted: request.delete_backups }));
    },
    async connect(cluster, request, by) {
      record("connectRepository", by, cluster, request);
      return backupsOf(cluster);
    },
    async show(cluster) {
      find(cluster);
      return backupsOf(cluster);
    },
    async set(cluster, request, by) {
      asked("setBackupPolicy", cluster, by, request);
      return backupsOf(cluster);
    },
    async take(cluster, request, by) {
      asked("takeBackup", cluster, by, request);
      return begin("backup create", cluster, by, () => ({ message: label, size_bytes: 22_992_564 }));
    },
    async verify(cluster, request, by) {
      asked("verifyBackups", cluster, by, request);
      return begin("backup verify", cluster, by, () => ({ message: "everything is as it was written" }));
    },
    async lock(cluster, backup, request, by) {
      if (backup !== label) throw new OpError("backup-not-found", { message: `there is no backup "${backup}"` });
      asked("lockBackup", cluster, by, backup, request);
      return backupsOf(cluster);
    },
    async keys(cluster) {
      find(cluster);
      return { keys: [{ number: 1, key: "k3y-that-was-made" }] };
    },
  };
}
