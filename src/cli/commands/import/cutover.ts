/** `matriarch import cutover` */
import { command, durationArgument, type Run } from "../../command.ts";

export const importCutover = (run: Run) =>
  command(
    "cutover",
    "Move over from the source of a live import: the last changes, sequences, counts; then it follows no more.",
    [
      ["matriarch import cutover shop", "the application is stopped already"],
      ["matriarch import cutover shop --lock-source", "the source is made read-only, and its sessions ended"],
    ],
  )
    .argument("<cluster>", "its name")
    .option("--database <database>", "which one, when several are imported")
    .option("--lock-source", "the source takes no more writes: it becomes read-only, and its sessions are ended")
    .option(
      "--wait <duration>",
      "how long to wait for silence and for the last changes (default: 60s)",
      durationArgument,
    )
    .option("--count-all", "count the rows of tables over a gigabyte too; writes wait for it")
    .action((cluster, options) =>
      run(async (context) => (await import("../../import/start.ts")).cutOver(context, cluster, options)),
    );
