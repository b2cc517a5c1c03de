/** `matriarch user …` */
import { command, type Run } from "../../command.ts";
import { userRotate } from "./rotate.ts";

export const userCommands = (run: Run) =>
  command("user", "Database users of a cluster.", []).addCommand(userRotate(run));
