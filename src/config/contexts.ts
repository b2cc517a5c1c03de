/**
 * Where the command line finds installations on other machines: a small file of named contexts in the user's
 * configuration directory, for nobody else to read. Called by the command line. Holds paths of secrets, never a secret.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";

import { OpError } from "../errors/op-error.ts";

/** Of a host's agent, where an address names none. */
export const usualPort = 7400;

/** Chosen by this name: the agent of this machine, over its Unix socket. */
export const localContext = "local";

const file = z.string().min(1);
export const contextSchema = z.strictObject({
  /** `https://10.0.0.1:7400`; any of them answers for the whole installation */
  hosts: z.array(z.string().min(1)).min(1),
  /** certificate of the installation's authority */
  ca_file: file,
  token_file: file.optional(),
  cert_file: file.optional(),
  key_file: file.optional(),
});
export type Context = z.infer<typeof contextSchema>;

const contextName = /^[A-Za-z0-9][\w.-]{0,62}$/;
const fileSchema = z.strictObject({
  /** null: this machine */
  current: z.string().nullable(),
  contexts: z.record(z.string().regex(contextName), contextSchema),
});
export type Contexts = z.infer<typeof fileSchema>;

type Env = Readonly<Record<string, string | undefined>>;

export function contextsFile(env: Env = process.env): string {
  const config = env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config");
  return join(resolve(config), "matriarch", "contexts.json");
}

/** @returns without contexts when there is no file. @throws OpError bad-value when it is damaged or open to others */
export function readContexts(path: string = contextsFile()): Contexts {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { current: null, contexts: {} };
    throw damaged(path, error instanceof Error ? `${error.message}.` : String(error), error);
  }
  refuseOthers(path);
  return parse(path, text);
}

/** Written whole, beside the old one and in its place. @throws OpError home-unwritable */
export function writeContexts(contexts: Contexts, path: string = contextsFile()): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writePrivate(path, `${JSON.stringify(contexts, undefined, 2)}\n`);
  } catch (cause) {
    throw new OpError("home-unwritable", {
      message: `"${path}" cannot be written`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    });
  }
}

/** @throws OpError bad-name */
export function checkContextName(name: string): void {
  if (contextName.test(name) && name !== localContext) return;
  throw new OpError("bad-name", {
    message: `"${name}" cannot be the name of a context`,
    detail:
      name === localContext
        ? `"${localContext}" is this machine.`
        : "Letters, digits and . _ - are good, and a letter or digit first; at most 63.",
  });
}

/** Certificate of the authority, kept beside the contexts: for a context that was added by fingerprint. */
export function keepAuthority(name: string, pem: string, path: string = contextsFile()): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const kept = join(dirname(path), `${name}.ca.crt`);
  writePrivate(kept, pem);
  return kept;
}

function writePrivate(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

/** Whoever can change the file can lead commands, and the token that goes with them, elsewhere. */
function refuseOthers(path: string): void {
  const { mode, uid } = statSync(path);
  const own = process.getuid?.();
  if ((mode & 0o077) === 0 && (own === undefined || uid === own || own === 0)) return;
  throw new OpError("bad-value", {
    message: `"${path}" is open to others`,
    detail: `Its mode is ${(mode & 0o777).toString(8)}, its owner ${uid}. It must belong to you, with mode 600.`,
    hint: `Look whether it is still yours, then: chmod 600 ${path}`,
  });
}

function parse(path: string, text: string): Contexts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "It is not JSON.", cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}.`);
  throw damaged(path, problems.join("\n"), parsed.error);
}

function damaged(path: string, detail: string, cause: unknown): OpError {
  return new OpError("bad-value", {
    message: `"${path}" cannot be read`,
    detail,
    hint: "It holds the contexts of the command line. Mend it, or remove it and add them again.",
    cause,
  });
}
