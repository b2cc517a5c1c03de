/** `matriarch backup …` */
import { command, type Run } from "../../command.ts";
import { backupConnect } from "./connect.ts";
import { backupCreate } from "./create.ts";
import { backupDisable } from "./disable.ts";
import { backupEnable } from "./enable.ts";
import { backupKey } from "./key.ts";
import { backupList } from "./list.ts";
import { backupLock, backupUnlock } from "./lock.ts";
import { backupSet } from "./set.ts";
import { backupShow } from "./show.ts";
import { backupVerify } from "./verify.ts";

export const backupCommands = (run: Run) =>
  command("backup", "Copies of a cluster in storage elsewhere.", [])
    .addCommand(backupEnable(run))
    .addCommand(backupShow(run))
    .addCommand(backupList(run))
    .addCommand(backupCreate(run))
    .addCommand(backupVerify(run))
    .addCommand(backupSet(run))
    .addCommand(backupLock(run))
    .addCommand(backupUnlock(run))
    .addCommand(backupKey(run))
    .addCommand(backupDisable(run))
    .addCommand(backupConnect(run));
