/** `matriarch import …`; without a verb it begins one. */
import { command, type Run } from "../../command.ts";
import { importAbandon } from "./abandon.ts";
import { importCutover } from "./cutover.ts";
import { importStart } from "./start.ts";
import { importStatus } from "./status.ts";

export const importCommands = (run: Run) =>
  command("import", "Bring a database from elsewhere: Heroku, Fly, RDS, any Postgres.", [
    ["matriarch import shop --source-env OLD_URL --check", "only the checks"],
    ["matriarch import shop --source-env OLD_URL --database shop", "a copy, as it is at this moment"],
    ["matriarch import shop --source-env OLD_URL --live", "a copy that follows, until matriarch import cutover"],
  ])
    .addCommand(importStart(run), { isDefault: true })
    .addCommand(importStatus(run))
    .addCommand(importCutover(run))
    .addCommand(importAbandon(run));
