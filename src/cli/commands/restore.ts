/** `matriarch restore`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { withCopyOptions } from "../copy-options.ts";

const notes = `
It begins with the newest snapshot from before that time and replays the log from there, through failovers too. The source
goes on untouched, and need not exist any more. Without a time it is restored to the newest that there is; with --snapshot
alone, to that snapshot. matriarch restore-point list shows what can be restored.

Times name their zone: '2026-11-21 10:30+00', '2026-11-21 10:30 Europe/Berlin', '10 minutes ago'. What was committed at
that very moment is in it, unless --exclusive is given.

The new cluster has an identity of its own, and of its roles only postgres has a password, a new one.

With --in-place the cluster itself is put back. The copy is made beside it first; then clients are cut for some seconds.
What it was until then is kept as a snapshot as long as the others, and --undo goes back to it. Passwords stay those of now.`;

export const restore = (run: Run) =>
  withCopyOptions(
    command("restore", "Make a new cluster of what another one was at a chosen time.", [
      ["matriarch restore shop shop2 --at '2026-11-21 10:30+00'", "as it was then"],
      ["matriarch restore shop shop2 --at '10 minutes ago'", "by the clock of the cluster's host"],
      ["matriarch restore shop shop2 --name before-migration", "see matriarch restore-point create"],
      ["matriarch restore shop --in-place --at '10 minutes ago'", "shop itself, as it was; asks for its name first"],
      ["matriarch restore shop --undo", "and back again"],
      ["matriarch restore shop shop2", "the newest that there is, also when shop was destroyed"],
    ])
      .addArgument(clusterArgument())
      .addArgument(new Argument("[new]", "name of the new one: lower-case letters, digits and hyphens, at most 40"))
      .option("--at <time>", "a time with its zone, or how long ago")
      .option("--name <point>", "a restore point")
      .option("--lsn <position>", "a position in the log, like 0/5A2F1C8")
      .option("--xid <transaction>", "a transaction, by its number")
      .option("--exclusive", "just before it, without what was committed at that moment")
      .option("--snapshot <snapshot>", "begin with this snapshot, see matriarch snapshot list")
      .option("--in-place", "put the cluster itself back, under its name and with its endpoints")
      .option("--undo", "take the last restore in place back")
      .option("--dry-run", "with --in-place or --undo: show what would be done and change nothing")
      .option("--backup <backup>", "begin with this backup, see matriarch backup list")
      .option("--from-repository", "from storage elsewhere, also where this host has snapshots (see matriarch backup)"),
  )
    .addHelpText("after", notes)
    .action((cluster, name, options) =>
      run(async (context) =>
        options.inPlace || options.undo
          ? (await import("../restore-in-place.ts")).restoreInPlace(context, cluster, name, options)
          : (await import("../fork-cluster.ts")).restoreCluster(context, cluster, name, options),
      ),
    );
