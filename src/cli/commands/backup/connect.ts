/** `matriarch backup connect`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
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
import { command, type Run } from "../../command.ts";

const notes = `${repositoryNotes}

Nothing is written there. What it needs besides: the name that the cluster had, and its key.`;

export const backupConnect = (run: Run) =>
  command("connect", "Make the repository of a cluster that is gone known here, to restore from it.", [
    [
      "matriarch backup connect shop --to s3://backups/shop --region eu-central-1 --key-file shop.key",
      "then: matriarch restore",
    ],
    ["matriarch backup connect shop --to /mnt/nas/backups --no-encryption", "one that is not encrypted"],
  ])
    .addArgument(clusterArgument())
    .requiredOption("--to <place>", "where it is: s3://…, azure://…, gs://…, sftp://… or a path")
    .addOption(endpoint())
    .addOption(region())
    .addOption(pathStyle())
    .addOption(account())
    .addOption(fingerprint())
    .addOption(authorities())
    .addOption(credentials())
    .addOption(machineRole())
    .option("--key-file <file>", "file with the repository's key")
    .option("--no-encryption", "it is not encrypted")
    .option("--escrow", "let the key be shown again")
    .addOption(repositoryNumber())
    .addHelpText("after", notes)
    .action((cluster, options) =>
      run(async (context) => {
        const { renderBackups } = await import("../../output/backups.ts");
        const request = await repositoryRequest(context, options);
        const found = await (await context.client()).connectRepository(cluster, request);
        return { json: found, text: (paint) => renderBackups(found, paint) };
      }),
    );
