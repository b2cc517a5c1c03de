/** `matriarch fork`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { withCopyOptions } from "../copy-options.ts";

const notes = `
A script of --anonymize runs in the copy before anybody can connect to it, as a superuser and, unless it says otherwise, as
one transaction; if it fails there is no copy. psql's own commands are not known to it.

The copy has an identity and passwords of its own: nobody who could log in to the source can log in to it, and it takes part
in no replication. Attached applications stay with the source. With a snapshot the source need not exist any more.`;

export const fork = (run: Run) =>
  withCopyOptions(
    command("fork", "Make a new cluster from a copy of another one, or of a snapshot.", [
      ["matriarch fork shop pr-123 --expires 7d", "as it is now, gone by itself after a week"],
      ["matriarch fork shop pr-124 --at '10 minutes ago' --anonymize scrub.sql", "as it was then, without its names"],
      ["matriarch fork shop back --from-snapshot shop-20261121T225301Z-3f0a", "as that snapshot has it"],
    ])
      .addArgument(clusterArgument())
      .addArgument(new Argument("<new>", "name of the new one: lower-case letters, digits and hyphens, at most 40"))
      .option("--from-snapshot <snapshot>", "of this snapshot, see matriarch snapshot list")
      .option("--at <time>", "as it was at this time, see matriarch restore --help")
      .option("--member <member>", "of this member (default: a standby that has caught up)"),
  )
    .addHelpText("after", notes)
    .action((cluster, name, { fromSnapshot: snapshot, ...options }) =>
      run(async (context) =>
        (await import("../fork-cluster.ts")).forkCluster(context, cluster, name, { ...options, snapshot }),
      ),
    );
