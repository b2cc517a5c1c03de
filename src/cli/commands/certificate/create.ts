/** `matriarch certificate create`: its declaration, and what it does when it runs. */
import { roleOption } from "../../arguments.ts";
import { command, durationArgument, type Run } from "../../command.ts";
import { renderCreatedCertificate } from "../../output/certificates.ts";

export const certificateCreate = (run: Run) =>
  command("create", "Make a client certificate and its key, as files. The key is kept nowhere else.", [
    ["matriarch certificate create --role operator --name ada", "ada.crt, ada.key and ada.ca.crt, for 90 days"],
    [
      "matriarch certificate create --role viewer --name wall --expires 30d --directory certificates",
      "files elsewhere",
    ],
  ])
    .addOption(roleOption())
    .requiredOption("--name <name>", "who it stands for: this name is in the audit")
    .option("--expires <duration>", "for so long, like 30d (default: 90d)", durationArgument)
    .option("--directory <directory>", "where the files go; what is there is never overwritten", ".")
    .action(({ role, name, expires, directory }) =>
      run(async (context) => {
        const { filesFor, writeFiles } = await import("../../certificate-files.ts");
        const files = filesFor(directory, name);
        const request = { role, name, ...(expires === undefined ? {} : { expires_ms: expires }) };
        const created = await (await context.client()).createCertificate(request);
        writeFiles(files, created);
        const { key: _key, certificate: _certificate, ca: _ca, ...told } = created;
        return { json: { ...told, ...files }, text: () => renderCreatedCertificate(created, files) };
      }),
    );
