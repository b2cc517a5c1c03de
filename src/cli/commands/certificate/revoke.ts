/** `matriarch certificate revoke`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const certificateRevoke = (run: Run) =>
  command("revoke", "Revoke a user's certificate: whoever has it is refused from now on.", [
    ["matriarch certificate revoke 5f0c7d21a9be", "by its id, as certificate list tells it"],
    ["matriarch certificate revoke 5f0c7d21a9be --json", "for a program"],
  ])
    .argument("<id>", "id of the certificate")
    .action((id) =>
      run(async (context) => {
        await (await context.client()).revokeCertificate(id);
        return { json: { revoked: id }, text: () => `Certificate ${id} revoked.` };
      }),
    );
