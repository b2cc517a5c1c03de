/** `matriarch backup enable`: its declaration, and what it does when it runs. */
import type { Operation } from "../../../contract/cluster.ts";
import { OpError } from "../../../errors/op-error.ts";
import { clusterArgument } from "../../arguments.ts";
import { between, every, fullEvery, keepDays, keepFulls, policyRequest } from "../../backup/policy.ts";
import {
  account,
  authorities,
  credentials,
  endpoint,
  fingerprint,
  machineRole,
  pathStyle,
  region,
  repositoryNotes,
  repositoryNumber,
  repositoryRequest,
} from "../../backup/repository.ts";
import type { Client } from "../../client/client.ts";
import { command, type Run } from "../../command.ts";

const notes = `${repositoryNotes}

It is encrypted with a key that is made now and shown once: without it nobody restores anything. The hosts with a member
keep it in files that only the servers' user reads, as they need it to write; --escrow also lets it be shown again
(matriarch backup key) and keeps it when the cluster is destroyed.`;

export const backupEnable = (run: Run) =>
  command("enable", "Back a cluster up to storage elsewhere, by itself from now on.", [
    ["matriarch backup enable shop --to s3://backups/shop --region eu-central-1", "credentials from the environment"],
    [
      "matriarch backup enable shop --to s3://backups --endpoint minio.lan:9000 --ca ca.crt --credentials s3.env",
      "of one's own",
    ],
    ["matriarch backup enable shop --to /mnt/nas/backups --number 2", "a second copy"],
  ])
    .addArgument(clusterArgument())
    .requiredOption("--to <place>", "where to: s3://…, azure://…, gs://…, sftp://… or a path")
    .addOption(endpoint())
    .addOption(region())
    .addOption(pathStyle())
    .addOption(account())
    .addOption(fingerprint())
    .addOption(authorities())
    .addOption(credentials())
    .addOption(machineRole())
    .option("--key-file <file>", "encrypt with the key in this file (default: one is made)")
    .option("--no-encryption", "what lies there can be read by whoever has the storage")
    .option("--escrow", "let the key be shown again")
    .addOption(repositoryNumber())
    .addOption(fullEvery())
    .addOption(every())
    .addOption(between())
    .addOption(keepDays())
    .addOption(keepFulls())
    .addHelpText("after", notes)
    .action((cluster, options) =>
      run(async (context) => {
        const { follow } = await import("../../follow.ts");
        const { renderEnabled } = await import("../../output/backups.ts");
        const request = { ...(await repositoryRequest(context, options)), policy: policyRequest(options) };
        const client = await context.client();
        const { operation, key } = await client.enableBackups(cluster, request);
        try {
          const ended = await follow(context, operation);
          return {
            json: { operation: ended, key },
            text: (paint) => renderEnabled(ended, { key, escrow: options.escrow ?? false }, paint),
          };
        } catch (error) {
          if (key !== null && (await mayBeInUse(client, operation, request.number ?? 1)))
            context.note(
              `Key:  ${key}\nIt is shown this once. Keep it: what lies in the repository is encrypted with it.`,
            );
          throw error;
        }
      }),
    );

/** It is, when only the first backup failed; and may be, when nobody knows how it ended. A key of nothing is not shown. */
async function mayBeInUse(client: Client, { id, cluster }: Operation, number: number): Promise<boolean> {
  try {
    const { state } = await client.operation(id);
    if (state === "running") return true;
    return (await client.backups(cluster)).repositories.some((repository) => repository.number === number);
  } catch (error) {
    return !(error instanceof OpError && error.code === "backups-disabled");
  }
}
