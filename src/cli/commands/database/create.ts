/** `matriarch database create`: its declaration, and what it does when it runs. */
import { clusterArgument, databaseArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

const notes = `
Nobody gets in who was not let in: only superusers, the owner named here, and whom matriarch user grant lets in later.`;

export const databaseCreate = (run: Run) =>
  command("create", "Make a database. The name is taken as it is written.", [
    ["matriarch database create shop orders", "an empty one"],
    ["matriarch database create shop orders --owner ada", "for a user that there is"],
    ["matriarch database create shop sorted --locale C --encoding UTF8", "sorted by bytes"],
  ])
    .addArgument(clusterArgument())
    .addArgument(databaseArgument())
    .option("--owner <user>", "a user that may make tables in it")
    .option("--encoding <encoding>", "for example UTF8 or LATIN1 (default: the template's)")
    .option("--locale <locale>", "for example C or de_DE.UTF-8 (default: the template's)")
    .option("--template <database>", "copy this one (default: template1, or template0 with another encoding or locale)")
    .addHelpText("after", notes)
    .action((cluster, name, { owner, encoding, locale, template }) =>
      run(async (context) => {
        const request = { name, owner, encoding, locale, template };
        const made = await (await context.client()).createDatabase(cluster, request);
        return { json: made, text: () => `Made database "${made.name}".` };
      }),
    );
