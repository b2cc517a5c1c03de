/** Backups in repositories elsewhere, as figures. Called by collect.ts. Pure. */
import type { Backups } from "../../contract/backups.ts";
import type { Exposition } from "./exposition.ts";

export function reportBackups(
  to: Exposition,
  { cluster, repositories, backups }: Pick<Backups, "cluster" | "repositories" | "backups">,
): void {
  for (const repository of repositories) {
    const labels = { cluster, repository: String(repository.number), kind: repository.kind };
    const gauge = (name: string, help: string, value: number | boolean | undefined): void =>
      to.gauge(`matriarch_backup_${name}`, help, value, labels);
    const own = backups.filter(({ repository: number }) => number === repository.number);
    const proofs = own.flatMap(({ proof }) => (proof?.is_good ? [Date.parse(proof.at) / 1000] : []));
    gauge("repository_up", "1 while it can be used", repository.problem === null);
    gauge("count", "Backups in it", repository.backups);
    gauge("is_overdue", "1 when two turns have passed without one", repository.is_overdue);
    gauge("newest_timestamp_seconds", "End of the newest", secondsOf(repository.newest_backup_at));
    gauge(
      "size_bytes",
      "What all of them take",
      own.reduce((sum, { own_bytes: bytes }) => sum + bytes, 0),
    );
    gauge(
      "archived_timestamp_seconds",
      "All that was committed up to then is in it",
      secondsOf(repository.archived_until),
    );
    gauge(
      "proof_timestamp_seconds",
      "When one was found good last",
      proofs.length === 0 ? undefined : Math.max(...proofs),
    );
  }
}

function secondsOf(text: string | null): number | undefined {
  return text === null ? undefined : Date.parse(text) / 1000;
}
