/** `matriarch detach`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";

export const detach = (run: Run) =>
  command("detach", "Take an application's user and its URI away; the data stays.", [
    ["matriarch detach shop --app web --dry-run", "what would be done"],
    ["matriarch detach shop --app web --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .requiredOption("--app <app>", "name of the application")
    .option("--env-file <file>", "take the URI out of this file (default: the one that attach wrote)")
    .option("--dry-run", "show what would be done and change nothing")
    .action((cluster, options) =>
      run(async (context) => (await import("../attach/detach.ts")).detachApp(context, cluster, options)),
    );
