/** Entry of the command line: gives it what it may not reach itself, and the place of the agent's script, beside this one. */
import { fileURLToPath } from "node:url";

import { runCli } from "../cli/main.ts";

const agent = import.meta.url.endsWith(".ts") ? "./agent.ts" : "./agent.mjs";
await runCli({
  argv: process.argv.slice(2),
  agentScript: fileURLToPath(new URL(agent, import.meta.url)),
  hostSetup: async () => {
    const [{ createHostSetup }, { etcdSetup }] = await Promise.all([
      import("../installation/hosts/setup.ts"),
      import("../installation/hosts/etcd-setup.ts"),
    ]);
    return createHostSetup(etcdSetup);
  },
  eventTypes: async () => Object.keys((await import("../events/catalog.ts")).eventCatalog),
});
