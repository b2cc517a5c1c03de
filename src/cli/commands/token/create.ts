/** `matriarch token create`: its declaration, and what it does when it runs. */
import { roleOption } from "../../arguments.ts";
import { command, durationArgument, type Run } from "../../command.ts";
import { renderCreatedToken } from "../../output/tokens.ts";

export const tokenCreate = (run: Run) =>
  command("create", "Make a token. It is shown once; only its hash is kept.", [
    ["matriarch token create --role operator --name ci --expires 90d", "for a pipeline"],
    ["matriarch token create --role viewer --name ada", "until it is revoked"],
  ])
    .addOption(roleOption())
    .requiredOption("--name <name>", "who it stands for: this name is in the audit")
    .option("--expires <duration>", "for so long, like 90d (default: until it is revoked)", durationArgument)
    .action(({ role, name, expires }) =>
      run(async (context) => {
        const request = { role, name, ...(expires === undefined ? {} : { expires_ms: expires }) };
        const created = await (await context.client()).createToken(request);
        return { json: created, text: () => renderCreatedToken(created) };
      }),
    );
