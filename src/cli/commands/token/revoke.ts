/** `matriarch token revoke`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const tokenRevoke = (run: Run) =>
  command("revoke", "Revoke a token: whoever has it is refused from now on.", [
    ["matriarch token revoke 5f0c7d21a9be", "by its id, as token list tells it"],
    ["matriarch token revoke 5f0c7d21a9be --json", "for a program"],
  ])
    .argument("<id>", "id of the token")
    .action((id) =>
      run(async (context) => {
        await (await context.client()).revokeToken(id);
        return { json: { revoked: id }, text: () => `Token ${id} revoked.` };
      }),
    );
