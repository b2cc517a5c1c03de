/** `matriarch database drop`: its declaration, and what it does when it runs. */
import { clusterArgument, databaseArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { formatSize } from "../../../contract/units.ts";

export const databaseDrop = (run: Run) =>
  command("drop", "Delete a database and its data for good.", [
    ["matriarch database drop shop orders --dry-run", "what would be deleted, and what uses it"],
    ["matriarch database drop shop orders --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .addArgument(databaseArgument())
    .option("--dry-run", "show what would be deleted and change nothing")
    .action((cluster, name, { dryRun }) =>
      run(async (context) => {
        const { sessionsWords } = await import("../../output/accounts.ts");
        const client = await context.client();
        const found = (await client.databases(cluster)).find((database) => database.name === name);
        if (found) {
          const { sessions, size_bytes: size, attachments } = found;
          const used = attachments.map((app) => `The application "${app}" is attached to it: detach that first.`);
          const plan = [
            `This deletes database "${name}" of "${cluster}", ${formatSize(size)}, for good.`,
            ...sessionsWords(sessions),
            ...used,
          ];
          if (dryRun) return { json: { would_drop: found }, text: () => plan.join("\n") };
          if (used.length === 0) await context.confirm(plan.join("\n"), name);
        }
        // One that is not there, or is in use, is refused by the agent, in its words.
        await client.dropDatabase(cluster, name);
        return { json: { dropped: name }, text: () => `Dropped database "${name}".` };
      }),
    );
