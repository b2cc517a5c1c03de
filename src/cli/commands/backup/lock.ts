/** `matriarch backup lock` and `unlock`: their declarations, and what they do when they run. */
import { Argument, InvalidArgumentError } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

const notes = `
The lock stands beside the backup in the repository, and Matriarch heeds it: neither expiry nor disable --delete-backups
nor destroy --with-backups removes it. Whoever has the storage's credentials still can; for that use the storage's own
object lock.`;

const labelArgument = () => new Argument("<backup>", "its label, see matriarch backup list");

export const backupLock = (run: Run) =>
  command("lock", "Keep a backup from being deleted before a date.", [
    ["matriarch backup lock shop 20261122-015336F --until 2027-12-31", "with all that it needs"],
    ["matriarch backup lock shop 20261122-015336F --until 2027-12-31 --json", "for a program"],
  ])
    .addArgument(clusterArgument())
    .addArgument(labelArgument())
    .requiredOption("--until <date>", "the first day on which it may go", dayArgument)
    .addHelpText("after", notes)
    .action((cluster, label, { until }) =>
      run(async (context) => {
        await (await context.client()).lockBackup(cluster, label, until);
        return {
          json: { backup: label, locked_until: until },
          text: () => `${label} is locked until ${until.slice(0, 10)}.`,
        };
      }),
    );

export const backupUnlock = (run: Run) =>
  command("unlock", "Let a locked backup go when its time is over.", [
    ["matriarch backup unlock shop 20261122-015336F", "asks for its label first"],
    ["matriarch backup unlock shop 20261122-015336F --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .addArgument(labelArgument())
    .action((cluster, label) =>
      run(async (context) => {
        await context.confirm(`Backup ${label} of "${cluster}" can be deleted once its lock is gone.`, label);
        await (await context.client()).lockBackup(cluster, label, null);
        return { json: { backup: label, locked_until: null }, text: () => `${label} is not locked any more.` };
      }),
    );

function dayArgument(text: string): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text)
    throw new InvalidArgumentError("It is no day; write one like 2027-12-31.");
  return new Date(at).toISOString();
}
