/** The other programs of this version, as the agent starts them: beside its own file, with their sockets and logs in the home. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../config/version.ts";

/** Small processes: a large young generation would only keep garbage. */
const nodeArguments = { router: [], relay: ["--max-semi-space-size=1"] } as const;

export function scriptOf(name: string): string {
  return fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? `./${name}.ts` : `./${name}.mjs`, import.meta.url));
}

export function programOf(name: keyof typeof nodeArguments, home: string) {
  return {
    command: process.execPath,
    args: [...nodeArguments[name], scriptOf(name)],
    controlPath: join(home, `${name}.sock`),
    logPath: join(home, `${name}.log`),
    version,
  };
}
