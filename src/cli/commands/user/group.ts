/** `matriarch user …` */
import { command, type Run } from "../../command.ts";
import { userCreate } from "./create.ts";
import { userDrop } from "./drop.ts";
import { userGrant } from "./grant.ts";
import { userList } from "./list.ts";
import { userRotate } from "./rotate.ts";

export const userCommands = (run: Run) =>
  command("user", "Database users of a cluster.", [])
    .addCommand(userList(run))
    .addCommand(userCreate(run))
    .addCommand(userGrant(run))
    .addCommand(userDrop(run))
    .addCommand(userRotate(run));
