/** `matriarch create`: its declaration, and what it does when it runs. */
import { Argument, Option } from "@commander-js/extra-typings";

import {
  autostopArgument,
  command,
  countArgument,
  settingArgument,
  severalArgument,
  sizeArgument,
  versionArgument,
  type Run,
} from "../command.ts";

export const create = (run: Run) =>
  command("create", "Make a cluster: one primary and standbys that take over by themselves.", [
    ["matriarch create shop", "three members, a commit waits for one standby"],
    ["matriarch create test --members 1 --version 17 --set work_mem=16MB", "a small one, another version"],
  ])
    .addArgument(new Argument("<cluster>", "its name: lower-case letters, digits and hyphens, at most 40"))
    .option("--members <count>", "how many members, 1 to 16 (default: 3)", countArgument(1, 16))
    .option(
      "--version <version>",
      "major version of Postgres, 14 to 18, or a minor one like 18.3 (default: 18, or the system's)",
      versionArgument,
    )
    .addOption(
      new Option(
        "--engine <engine>",
        "the packaged binaries, or those installed on this machine (default: embedded)",
      ).choices(["embedded", "system"] as const),
    )
    .option("--engine-directory <directory>", "a Postgres that you built, at this path on every host")
    .addOption(
      new Option("--durability <kind>", "what a commit waits for (default: quorum)").choices([
        "quorum",
        "strict",
        "async",
      ] as const),
    )
    .addOption(
      new Option("--preset <preset>", "defaults for a purpose").choices(["dev", "production", "critical"] as const),
    )
    .option("--region <region>", "a read replica in this region; may be repeated", severalArgument)
    .option("--primary-region <region>", "where the primary and its voters are (default: this host's region)")
    .option(
      "--memory <size>",
      "memory that each member gets, for example 2GB; tuned for it, and kept to it where the host can",
      sizeArgument,
    )
    .option("--cpus <count>", "processors that each member gets, 1 to 256", countArgument(1, 256))
    .option(
      "--volume-size <size>",
      "room that each member may take, for example 20GB (default: no limit)",
      sizeArgument,
    )
    .option(
      "--autostop <duration>",
      "without a client for so long it stops until the next one, 1s to 365d",
      autostopArgument,
    )
    .option(
      "--port <port>",
      "port of the primary endpoint; read takes the next (default: free ones)",
      countArgument(1, 65_534),
    )
    .option("--pool", "with a pooled endpoint, for many clients (needs PgBouncer on every host)")
    .option("--password-file <file>", "file with the password of user postgres, or - for stdin (default: a new one)")
    .option("--set <name=value>", "a Postgres setting; may be repeated", settingArgument)
    .option("--fork-from <source>", "a copy of this cluster, as matriarch fork makes it")
    .option("--from-snapshot <snapshot>", "what this snapshot has, see matriarch snapshot list")
    .option("--detach", "return at once; the work goes on")
    .action((name, options) =>
      run(async (context) =>
        options.forkFrom !== undefined || options.fromSnapshot !== undefined
          ? (await import("../create-copy.ts")).createCopy(context, name, options)
          : (await import("../create-cluster.ts")).createCluster(context, name, options),
      ),
    );
