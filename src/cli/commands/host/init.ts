/** `matriarch host init`: its declaration, and what it does when it runs. */
import type { GivenStore } from "../../../contract/host.ts";
import { OpError } from "../../../errors/op-error.ts";
import { command, type Run } from "../../command.ts";
import { renderHostMade } from "../../output/hosts.ts";
import { awaitAgent, basePortArgument, hostOptions } from "./flags.ts";

export const hostInit = (run: Run) =>
  command("init", "Make this machine the first host of an installation; prints the command for the others.", [
    ["matriarch host init --name db-1 --address 10.0.0.1 --zone a", "with an etcd of its own"],
    ["matriarch host init --store https://10.0.9.1:2379 --store-ca ca.crt", "with an etcd that you have"],
  ])
    .option("--name <name>", "name of this host (default: the machine's)")
    .option("--address <address>", "IP address or name by which the other hosts reach this one (default: its only one)")
    .option("--zone <zone>", "what fails together, for example a rack; members are spread over zones")
    .option("--region <region>", "where it is; commits wait for members of one region only")
    .option("--base-port <port>", "first of six ports in a row (default: 7400)", basePortArgument)
    .option("--store <urls>", "an etcd that exists (3.4 to 3.6), URLs separated by commas (default: one is made)")
    .option("--store-prefix <prefix>", "everything is kept below it", "/matriarch/")
    .option("--store-ca <file>", "authority that the store's certificate is checked with")
    .option("--store-cert <file>", "client certificate for the store")
    .option("--store-key <file>", "its key")
    .option("--store-user <name>", "user to log in to the store with")
    .option("--store-password-file <file>", "file with that user's password, readable by its owner only")
    .option("--no-service", "no systemd service: the agent is started by commands, or with matriarch agent run")
    .action((flags) =>
      run(async (context) => {
        const store = givenStore(flags);
        const setup = await context.hostSetup();
        const options = { ...hostOptions(context, flags), ...(store === undefined ? {} : { store }) };
        const made = await setup.init(options, (step) => context.note(step));
        await awaitAgent(context, made);
        return { json: made, text: (paint) => renderHostMade(made, paint) };
      }),
    );

interface StoreFlags {
  readonly store?: string | undefined;
  readonly storePrefix: string;
  readonly storeCa?: string | undefined;
  readonly storeCert?: string | undefined;
  readonly storeKey?: string | undefined;
  readonly storeUser?: string | undefined;
  readonly storePasswordFile?: string | undefined;
}

function givenStore(flags: StoreFlags): GivenStore | undefined {
  const { store, storePrefix, storeCa, storeCert, storeKey, storeUser, storePasswordFile } = flags;
  const others = [storeCa, storeCert, storeKey, storeUser, storePasswordFile];
  if (store === undefined) {
    if (others.every((flag) => flag === undefined)) return undefined;
    throw usage("flags for a store were given, but not --store");
  }
  const endpoints = store.split(",").map((url) => url.trim().replace(/\/+$/, ""));
  const bad = endpoints.find((url) => !/^https?:\/\/[^/]+:\d+$/.test(url));
  if (bad !== undefined) throw usage(`"${bad}" is not the URL of an etcd, such as https://10.0.9.1:2379`);
  if ((storeCert === undefined) !== (storeKey === undefined))
    throw usage("--store-cert and --store-key belong together");
  if ((storeUser === undefined) !== (storePasswordFile === undefined))
    throw usage("--store-user and --store-password-file belong together");
  if (!/^[\x21-\x7e]+$/.test(storePrefix)) throw usage("the store's prefix must be printable and not empty");
  return {
    endpoints,
    prefix: storePrefix.endsWith("/") ? storePrefix : `${storePrefix}/`,
    ...(storeCa === undefined ? {} : { caFile: storeCa }),
    ...(storeCert === undefined ? {} : { certFile: storeCert }),
    ...(storeKey === undefined ? {} : { keyFile: storeKey }),
    ...(storeUser === undefined ? {} : { user: storeUser }),
    ...(storePasswordFile === undefined ? {} : { passwordFile: storePasswordFile }),
  };
}

function usage(message: string): OpError {
  return new OpError("usage", { message, hint: "matriarch help host init tells more." });
}
