/**
 * Settings of the agent process: one schema; values come from the home's agent.json, then the environment, then flags,
 * and the later wins. Called by the agent's entry. Every problem is reported at once, with where it stands.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";

import { OpError } from "../errors/op-error.ts";
import { homePaths, resolveHome } from "./home.ts";
import { hookLimitsSchema } from "./hook-limits.ts";

export const agentOptionsSchema = z.strictObject({
  log_level: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("least level that is written to agent.log"),
  log_keep_days: z.coerce
    .number()
    .int()
    .min(1)
    .max(365)
    .default(7)
    .describe("days for which a server's log files are kept"),
  log_keep_mb: z.coerce
    .number()
    .int()
    .min(64)
    .max(1_000_000)
    .default(256)
    .describe("megabytes of log files that are kept for each member; the oldest go first"),
  promise_ms: z.coerce
    .number()
    .int()
    .min(1000)
    .max(60_000)
    .default(1500)
    .describe("how long a standby's promise binds it, milliseconds; shorter fails over sooner and tolerates less"),
  engine_cache: z
    .string()
    .optional()
    .describe("directory with installed Postgres binaries, used instead of the home's engines directory"),
  cgroup: z
    .string()
    .regex(/^(off|\/[^\0\n]*)$/, "a path that begins with /, or off")
    .refine((path) => !path.split("/").includes(".."), "must not leave the tree of groups")
    .optional()
    .describe(
      "control group in which each member's server gets one of its own, as /proc/self/cgroup writes it; off: none",
    ),
  status_listen: z
    .enum(["endpoints", "local", "all", "off"])
    .default("endpoints")
    .describe(
      "where members say how they are over HTTP: at the endpoints' addresses, on this machine only, at all addresses, or nowhere",
    ),
  status_port: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("port on which this host says how all its members are, and /metrics; 0: none"),
  hook_limits: hookLimitsSchema
    .default({})
    .describe(
      "how long hooks may take, such as before-promote=3s,after-promote=2min; the others keep the usual limits",
    ),
  status_tls: z.enum(["on", "off"]).default("off").describe("HTTPS with the endpoints' certificate instead of HTTP"),
});
export type AgentOptions = z.infer<typeof agentOptionsSchema> & { readonly home: string };

type Source = Readonly<Record<string, unknown>>;

/** @throws OpError bad-value, home-unwritable */
export function loadAgentOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): AgentOptions {
  const { home: homeFlag, ...flags } = readFlags(argv);
  const home = resolveHome(homeFlag === undefined ? env : { ...env, MATRIARCH_HOME: homeFlag });
  const file = homePaths(home).options;
  const parsed = agentOptionsSchema.safeParse({ ...readFile(file), ...readEnvironment(env), ...flags });
  if (parsed.success) return { ...parsed.data, home };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new OpError("bad-value", {
    message: "the agent's settings are not valid",
    detail: problems.join("\n"),
    hint: `Settings come from "${file}", MATRIARCH_… variables and flags, and the later wins.`,
  });
}

function readFlags(argv: readonly string[]): { home?: string; [name: string]: string | undefined } {
  const options = {
    "home": { type: "string" },
    "log-level": { type: "string" },
    "log-keep-days": { type: "string" },
    "log-keep-mb": { type: "string" },
    "promise-ms": { type: "string" },
    "engine-cache": { type: "string" },
    "cgroup": { type: "string" },
    "status-listen": { type: "string" },
    "status-port": { type: "string" },
    "status-tls": { type: "string" },
    "hook-limits": { type: "string" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...argv], options });
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.replaceAll("-", "_"), value]));
  } catch (cause) {
    throw new OpError("usage", { message: cause instanceof Error ? cause.message : String(cause), cause });
  }
}

function readEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const names = Object.keys(agentOptionsSchema.shape);
  const given = names.map((name) => [name, env[`MATRIARCH_${name.toUpperCase()}`]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== ""));
}

function readFile(file: string): Source {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // no file: defaults hold
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // told below, together with JSON of another kind
  }
  throw new OpError("bad-value", { message: `"${file}" is not a JSON object`, hint: "Correct the file or remove it." });
}
