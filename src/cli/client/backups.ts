/** Calls about backups in repositories elsewhere, for client.ts. Storage far away may take its time to answer. */
import type {
  BackupKeys,
  Backups,
  ConnectWish,
  DisableWish,
  EnableWish,
  PolicyRequest,
  TakeBackupWish,
  VerifyWish,
} from "../../contract/backups.ts";
import type { ProofPolicyRequest, Proofs } from "../../contract/proof.ts";
import type { Operation } from "../../contract/cluster.ts";
import type { Api } from "./generated-api.ts";

const far = { deadlineMs: 90_000 };

export function backupCalls(api: Api) {
  return {
    backups: (cluster: string): Promise<Backups> => api.showBackups({ cluster }, far),
    enableBackups: (cluster: string, body: EnableWish) => api.enableBackups({ cluster, body }, far),
    connectRepository: (cluster: string, body: ConnectWish): Promise<Backups> =>
      api.connectRepository({ cluster, body }, far),
    disableBackups: (cluster: string, body: DisableWish): Promise<Operation> =>
      api.disableBackups({ cluster, body }, far),
    setBackupPolicy: (cluster: string, body: PolicyRequest): Promise<Backups> =>
      api.setBackupPolicy({ cluster, body }, far),
    takeBackup: (cluster: string, body: TakeBackupWish): Promise<Operation> => api.takeBackup({ cluster, body }, far),
    verifyBackups: (cluster: string, body: VerifyWish): Promise<Operation> => api.verifyBackups({ cluster, body }, far),
    lockBackup: (cluster: string, backup: string, until: string | null): Promise<Backups> =>
      api.lockBackup({ cluster, backup, body: { until } }, far),
    proofs: (cluster: string): Promise<Proofs> => api.showProofs({ cluster }),
    setProofPolicy: (cluster: string, body: ProofPolicyRequest): Promise<Proofs> =>
      api.setProofPolicy({ cluster, body }, far),
    backupKeys: (cluster: string): Promise<BackupKeys> => api.getBackupKeys({ cluster }),
  };
}
