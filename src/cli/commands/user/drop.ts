/** `matriarch user drop`: its declaration, and what it does when it runs. */
import { clusterArgument, userArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const userDrop = (run: Run) =>
  command("drop", "Delete a user; what it owns goes to the owners of the databases.", [
    ["matriarch user drop shop ada --dry-run", "what would be done"],
    ["matriarch user drop shop ada --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .addArgument(userArgument())
    .option("--dry-run", "show what would be done and change nothing")
    .action((cluster, name, { dryRun }) =>
      run(async (context) => {
        const { sessionsWords } = await import("../../output/accounts.ts");
        const client = await context.client();
        const found = (await client.users(cluster)).find((user) => user.name === name);
        if (found) {
          const { sessions, attachments } = found;
          const used = attachments.map((app) => `It is the user of the application "${app}": detach that instead.`);
          const plan = [
            `This deletes user "${name}" of "${cluster}". Data stays: what it owns goes to the databases' owners.`,
            ...sessionsWords(sessions),
            ...used,
          ];
          if (dryRun) return { json: { would_drop: found }, text: () => plan.join("\n") };
          if (used.length === 0) await context.confirm(plan.join("\n"), name);
        }
        await client.dropUser(cluster, name);
        return { json: { dropped: name }, text: () => `Dropped user "${name}".` };
      }),
    );
