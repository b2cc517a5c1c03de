/** `matriarch token …` */
import { command, type Run } from "../../command.ts";
import { tokenCreate } from "./create.ts";
import { tokenList } from "./list.ts";
import { tokenRevoke } from "./revoke.ts";

export const tokenCommands = (run: Run) =>
  command("token", "Tokens that let people and programs on other machines talk to the agents.", [])
    .addCommand(tokenCreate(run))
    .addCommand(tokenList(run))
    .addCommand(tokenRevoke(run));
