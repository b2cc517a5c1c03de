/** `matriarch import abandon` */
import { command, type Run } from "../../command.ts";

export const importAbandon = (run: Run) =>
  command("abandon", "Give an import up at any moment: what it made goes, here and at the source.", [
    ["matriarch import abandon shop", "asks for the database's name first"],
    ["matriarch import abandon shop --yes", "for scripts"],
  ])
    .argument("<cluster>", "its name")
    .option("--database <database>", "which one, when several are imported")
    .action((cluster, { database }) =>
      run(async (context) => (await import("../../import/abandon.ts")).abandonImport(context, cluster, database)),
    );
