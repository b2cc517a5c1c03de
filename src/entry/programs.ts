/** The other programs of this version, as the agent starts them: beside its own file, with their sockets and logs in the home. */
import { dirname, extname, join } from "node:path";
import { version } from "../config/version.ts";

/** Small processes: a large young generation would only keep garbage. */
const nodeArguments = { router: [], relay: ["--max-semi-space-size=1"] } as const;

/** Beside the program that runs: what is bundled may have moved this file elsewhere. */
export function scriptOf(name: string): string {
  const own = process.argv[1] ?? "";
  return join(dirname(own), name + extname(own));
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
