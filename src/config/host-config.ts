/**
 * `host.json` of a home: this host belongs to an installation of several hosts. Written by `host init` and `host join`,
 * read by the agent and by the command line; a home without it is an embedded installation. Holds no secret.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { OpError } from "../errors/op-error.ts";

export const hostConfigSchema = z.strictObject({
  installation: z.string().min(1),
  name: z.string().min(1),
  /** IP address or name by which the other hosts reach this one */
  address: z.string().min(1),
  base_port: z.int().min(1024).max(65_500),
  region: z.string().min(1),
  zone: z.string().min(1),
  store: z.strictObject({
    /** own: etcd run by the agents of the first hosts. given: an etcd that exists already */
    kind: z.enum(["own", "given"]),
    /** `https://10.0.0.1:7403`; of `own`, those known when it was written: the agent keeps it fresh */
    endpoints: z.array(z.string().min(1)).min(1),
    prefix: z.string().min(1),
    /** of a given etcd: its own CA and client certificate, and the name to log in with; absolute paths */
    ca_file: z.string().optional(),
    cert_file: z.string().optional(),
    key_file: z.string().optional(),
    user: z.string().optional(),
    /** file of mode 0600 that holds the password */
    password_file: z.string().optional(),
  }),
});
export type HostConfig = z.infer<typeof hostConfigSchema>;

export function hostConfigFile(home: string): string {
  return join(home, "host.json");
}

/** @returns undefined when there is no host.json. @throws OpError bad-value when it is damaged */
export function readHostConfig(home: string): HostConfig | undefined {
  const file = hostConfigFile(home);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw damaged(file, error instanceof Error ? error.message : String(error), error);
  }
  return parseHostConfig(text, file);
}

function parseHostConfig(text: string, file: string): HostConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, "it is not JSON", cause);
  }
  const parsed = hostConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw damaged(file, problems.join("; "), parsed.error);
}

function damaged(file: string, detail: string, cause: unknown): OpError {
  return new OpError("bad-value", {
    message: `"${file}" cannot be read`,
    detail: `${detail}.`,
    hint: "It tells which installation this host belongs to. Restore it from a backup, or remove the host from another one and join again.",
    cause,
  });
}
