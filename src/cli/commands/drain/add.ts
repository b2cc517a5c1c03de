/** `matriarch drain add`: its declaration, and what it does when it runs. */
import { readFile } from "node:fs/promises";
import { Option } from "@commander-js/extra-typings";

import type { DrainWish } from "../../../contract/drains.ts";
import { logLevels } from "../../../contract/logs.ts";
import { OpError } from "../../../errors/op-error.ts";
import { command, type Run } from "../../command.ts";
import { readPassword } from "../../password-file.ts";
import { noteMissing } from "./missing.ts";

export const drainAdd = (run: Run) =>
  command("add", "Send the logs and events of a cluster, or everything, to a receiver from now on, from every host.", [
    [
      "matriarch drain add shop --to syslog+tls://logs.example.com:6514",
      "RFC 5424 over TLS; also syslog:// and syslog+tcp://",
    ],
    [
      "matriarch drain add --all --to otlp+https://otel.example.com --token-file token",
      "OpenTelemetry; https:// takes JSON lines",
    ],
  ])
    .argument("[cluster]", "name of the cluster; left out with --all")
    .option("--all", "of all clusters, and of the hosts' own processes")
    .requiredOption("--to <url>", "syslog://, syslog+tcp://, syslog+tls://, http(s):// or otlp+http(s)://")
    .addOption(new Option("--level <level>", "of this weight or more (default: info)").choices(logLevels))
    .option("--token-file <file>", "bearer token, from a file or - for stdin (default: MATRIARCH_DRAIN_TOKEN)")
    .option("--ca-file <file>", "authority of the receiver's certificate, PEM (default: the system's)")
    .action((cluster, { all, to, level, tokenFile, caFile }) =>
      run(async (context) => {
        if ((cluster === undefined) !== (all === true))
          throw new OpError("usage", { message: "whose logs?", hint: "Name a cluster, or take all with --all." });
        const token = tokenFile === undefined ? process.env["MATRIARCH_DRAIN_TOKEN"] : await readPassword(tokenFile);
        const wish: DrainWish = {
          cluster: cluster ?? null,
          to,
          ...(level === undefined ? {} : { level }),
          ...(token === undefined || token === "" ? {} : { token }),
          ...(caFile === undefined ? {} : { ca: await readPem(caFile) }),
        };
        const added = await (await context.client()).addDrain(wish);
        noteMissing(context, added.missing);
        return {
          json: added,
          text: () => `Drain ${added.id} sends to ${to}. Try it: matriarch drain test ${added.id}`,
        };
      }),
    );

async function readPem(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new OpError("bad-value", { message: `the file "${file}" cannot be read`, cause });
  });
}
