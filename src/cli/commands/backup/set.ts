/** `matriarch backup set`: its declaration, and what it does when it runs. */
import { OpError } from "../../../errors/op-error.ts";
import { clusterArgument } from "../../arguments.ts";
import { between, every, fullEvery, keepDays, keepFulls, policyRequest } from "../../backup/policy.ts";
import { proofArgument, proofRequest, tableArgument } from "../../backup/proof.ts";
import { command, type Run } from "../../command.ts";

export const backupSet = (run: Run) =>
  command("set", "Change when backups are taken, how long they are kept, and how often they are proved.", [
    ["matriarch backup set shop --keep-days 30", "any moment of a month can be restored"],
    ["matriarch backup set shop --full-every 14d --between differential", "fewer full ones"],
    ["matriarch backup set shop --proof daily --prove-table shop.public.orders", "also without a repository"],
  ])
    .addArgument(clusterArgument())
    .addOption(fullEvery())
    .addOption(every())
    .addOption(between())
    .addOption(keepDays())
    .addOption(keepFulls())
    .option(
      "--proof <interval>",
      "restore it as a test: weekly, daily, off, or 1d to 90d (default: weekly)",
      proofArgument,
    )
    .option("--prove-table <table>", "DATABASE.SCHEMA.TABLE whose rows are counted for it", tableArgument)
    .option("--forget-table <table>", "one that is not counted any more", tableArgument)
    .action((cluster, options) =>
      run(async (context) => {
        const request = policyRequest(options);
        const proof = proofRequest(options);
        const isOfBackups = Object.keys(request).length > 0;
        if (!isOfBackups && !proof)
          throw new OpError("usage", {
            message: "nothing to change is given",
            hint: "See: matriarch backup set --help",
          });
        const { scheduleWords } = await import("../../output/backups.ts");
        const { scheduleOfProofs } = await import("../../output/proofs.ts");
        const client = await context.client();
        // Refused before anything is changed, where there is no repository.
        if (isOfBackups && proof) await client.backups(cluster);
        const proofs = proof && (await client.setProofPolicy(cluster, proof));
        const policy = isOfBackups ? (await client.setBackupPolicy(cluster, request)).policy : undefined;
        const words = [...(policy ? [scheduleWords(policy)] : []), ...(proofs ? [scheduleOfProofs(proofs)] : [])];
        const proofPolicy = proofs && { every_days: proofs.every_days, tables: proofs.tables, next_at: proofs.next_at };
        return { json: { ...policy, ...(proofPolicy && { proof: proofPolicy }) }, text: () => words.join("\n") };
      }),
    );
