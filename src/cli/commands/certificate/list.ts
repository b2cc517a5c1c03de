/** `matriarch certificate list`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderCertificates } from "../../output/certificates.ts";

export const certificateList = (run: Run) =>
  command("list", "List the users' certificates: whose, what they allow, until when.", [
    ["matriarch certificate list", "all that were not revoked"],
    ["matriarch certificate list --json", "with their fingerprints"],
  ]).action(() =>
    run(async (context) => {
      const certificates = await (await context.client()).certificates();
      return { json: certificates, text: (paint) => renderCertificates(certificates, paint) };
    }),
  );
