/** `matriarch snapshot …` */
import { command, type Run } from "../../command.ts";
import { snapshotCreate } from "./create.ts";
import { snapshotDelete } from "./delete.ts";
import { snapshotList } from "./list.ts";
import { snapshotSet } from "./set.ts";

export const snapshotCommands = (run: Run) =>
  command("snapshot", "Copies of a cluster's data on the same host.", [])
    .addCommand(snapshotList(run))
    .addCommand(snapshotCreate(run))
    .addCommand(snapshotDelete(run))
    .addCommand(snapshotSet(run));
