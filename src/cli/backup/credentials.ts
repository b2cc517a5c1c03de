/**
 * What opens a repository, never from an argument: from a file, else from the environment's usual variables, else from a
 * prompt. Called by `backup enable` and `backup connect`.
 */
import { readFile } from "node:fs/promises";

import type { CredentialsWish } from "../../contract/backups.ts";
import { OpError } from "../../errors/op-error.ts";
import type { CommandContext } from "../context.ts";

type Kind = "s3" | "azure" | "gcs" | "sftp" | "path";
type Words = Readonly<Record<string, string | undefined>>;

export interface CredentialOptions {
  readonly credentials?: string | undefined;
  readonly machineRole?: true | undefined;
}

export async function findCredentials(
  context: CommandContext,
  kind: Kind,
  { credentials: file, machineRole }: CredentialOptions,
): Promise<CredentialsWish> {
  if (kind === "path") return { kind: "none" };
  if (machineRole) return { kind: "machine" };
  const text = file === undefined ? undefined : await readText(file);
  const found = text === undefined ? await fromEnvironment(kind) : readCredentials(kind, text);
  if (found) return found;
  if (text !== undefined) throw bad(`the file of credentials "${file}" has none for this storage`, formsOf[kind]);
  if (!context.canAsk || kind === "gcs" || kind === "sftp")
    throw bad("the repository's credentials are missing", formsOf[kind]);
  const { askForSecret } = await import("../ask.ts");
  if (kind === "azure") return { kind: "azure-key", key: await askForSecret("Key of the storage account") };
  const key = await askForSecret("Access key id");
  return { kind: "keys", key, secret: await askForSecret("Secret access key") };
}

const formsOf: Readonly<Record<Kind, string>> = {
  s3: "Give --credentials FILE with lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, or set these variables.",
  azure: "Give --credentials FILE with a line AZURE_STORAGE_KEY=… or AZURE_STORAGE_SAS_TOKEN=…, or set the variable.",
  gcs: "Give --credentials FILE with a service account's key (JSON), or set GOOGLE_APPLICATION_CREDENTIALS to its path.",
  sftp: "Give --credentials FILE with the private key.",
  path: "",
};

/** @returns undefined when the text has nothing for this kind of storage */
export function readCredentials(kind: Kind, text: string): CredentialsWish | undefined {
  if (kind === "gcs") return isServiceAccount(text) ? { kind: "gcs-account", json: text.trim() } : undefined;
  if (kind === "sftp")
    return text.includes("PRIVATE KEY-----") ? { kind: "private-key", key: `${text.trim()}\n` } : undefined;
  const words = Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name = "", value = ""] = /^\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return name === "" ? [] : [[name.toUpperCase(), value.replace(/^(["'])(.*)\1$/, "$2")]];
    }),
  );
  return fromWords(kind, words);
}

async function fromEnvironment(kind: Kind): Promise<CredentialsWish | undefined> {
  const file = process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (kind === "gcs") return file === undefined ? undefined : readCredentials("gcs", await readText(file));
  return fromWords(kind, process.env);
}

function fromWords(kind: Kind, words: Words): CredentialsWish | undefined {
  if (kind === "s3") {
    const [key, secret, token] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(
      (name) => words[name],
    );
    return key && secret ? { kind: "keys", key, secret, ...(token ? { token } : {}) } : undefined;
  }
  if (kind !== "azure") return undefined;
  const [key, token] = [words["AZURE_STORAGE_KEY"], words["AZURE_STORAGE_SAS_TOKEN"]];
  if (key) return { kind: "azure-key", key };
  return token ? { kind: "azure-sas", token } : undefined;
}

function isServiceAccount(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === "object" && "private_key" in parsed && "client_email" in parsed;
  } catch {
    return false;
  }
}

/** @throws OpError bad-value */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const detail = `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`;
    throw new OpError("bad-value", { message: `the file "${file}" cannot be read`, detail, cause });
  }
}

function bad(message: string, hint: string): OpError {
  return new OpError("bad-value", { message, hint });
}
