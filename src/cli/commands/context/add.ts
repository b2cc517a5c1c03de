/** `matriarch context add`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const contextAdd = (run: Run) =>
  command("add", "Add an installation, or change it. The hosts are given by the --host of every command.", [
    [
      "matriarch context add prod --host https://10.0.0.1:7400,https://10.0.0.2:7400 --ca-file ca.crt --token-file token",
      "with a token",
    ],
    [
      "matriarch context add prod --host https://10.0.0.1:7400 --ca-fingerprint 5f0c… --cert ada.crt --key ada.key",
      "with a certificate",
    ],
  ])
    .argument("<name>", "name of the context")
    .option("--ca-file <file>", 'certificate of the authority; "matriarch uri shop --ca" prints it')
    .option(
      "--ca-fingerprint <sha256>",
      "its fingerprint (openssl x509 -fingerprint -sha256): it is fetched from the host",
    )
    .option("--token-file <file>", "file of mode 600 that holds a token")
    .option("--cert <file>", "client certificate, instead of a token")
    .option("--key <file>", "its key")
    .action((name, options) =>
      run(async (context) => {
        const { addContext } = await import("../../contexts.ts");
        const added = await addContext(name, { ...options, hosts: context.flags.hosts ?? [] });
        return {
          json: added,
          text: () =>
            `Context "${name}" added. Use it with --context ${name}, or always: matriarch context use ${name}`,
        };
      }),
    );
