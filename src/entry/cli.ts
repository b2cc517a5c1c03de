/** Entry of the command line: tells it where the agent's script is, which lies beside this one. */
import { fileURLToPath } from "node:url";

import { runCli } from "../cli/main.ts";

const agent = import.meta.url.endsWith(".ts") ? "./agent.ts" : "./agent.mjs";
await runCli({ argv: process.argv.slice(2), agentScript: fileURLToPath(new URL(agent, import.meta.url)) });
