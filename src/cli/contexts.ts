/** What the `context` commands do: everything is checked before the file is written. */
import { resolve } from "node:path";

import {
  checkContextName,
  contextSchema,
  keepAuthority,
  localContext,
  readContexts,
  writeContexts,
  type Context,
} from "../config/contexts.ts";
import { OpError } from "../errors/op-error.ts";
import type { Paint } from "./output/paint.ts";
import { renderTable } from "./output/table.ts";
import { findContext, parseHosts, read, readKey, readToken } from "./remote.ts";

export interface ContextWanted {
  readonly hosts: readonly string[];
  readonly caFile?: string | undefined;
  readonly caFingerprint?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface ListedContext extends Context {
  readonly name: string;
  readonly in_use: boolean;
}

/** @throws OpError usage, bad-name, bad-value, agent-unreachable */
export async function addContext(name: string, wanted: ContextWanted): Promise<ListedContext> {
  checkContextName(name);
  const contexts = readContexts();
  const hosts = parseHosts(wanted.hosts);
  const { tokenFile, cert, key } = wanted;
  if (hosts[0] === undefined) throw usage("a context needs a host", "Give --host https://10.0.0.1:7400");
  if ((cert === undefined) !== (key === undefined)) throw usage("--cert and --key belong together", "Give both.");
  if (tokenFile === undefined && cert === undefined)
    throw usage("a context needs to say who you are", "Give --token-file, or --cert and --key.");
  if (tokenFile !== undefined) readToken(tokenFile);
  if (cert !== undefined) read(cert, "certificate");
  if (key !== undefined) readKey(key);
  const context = contextSchema.parse({
    hosts: hosts.map((url) => url.origin),
    ca_file: await authorityFile(name, hosts[0], wanted),
    ...(tokenFile === undefined ? {} : { token_file: resolve(tokenFile) }),
    ...(cert === undefined || key === undefined ? {} : { cert_file: resolve(cert), key_file: resolve(key) }),
  });
  writeContexts({ ...contexts, contexts: { ...contexts.contexts, [name]: context } });
  return { name, in_use: contexts.current === name, ...context };
}

async function authorityFile(name: string, host: URL, { caFile, caFingerprint }: ContextWanted): Promise<string> {
  if ((caFile === undefined) === (caFingerprint === undefined)) {
    throw usage(
      "a context needs to know the installation's authority",
      "Give either --ca-file or --ca-fingerprint; matriarch uri CLUSTER --ca on a host prints the certificate.",
    );
  }
  if (caFingerprint !== undefined) {
    const { fetchAuthority } = await import("./client/fetch-authority.ts");
    return keepAuthority(name, await fetchAuthority(host, caFingerprint));
  }
  const path = resolve(caFile ?? "");
  if (read(path, "certificate of the authority").includes("-----BEGIN CERTIFICATE-----")) return path;
  throw new OpError("bad-value", { message: `"${path}" holds no certificate`, detail: "It must be one in PEM." });
}

export function listContexts(): readonly ListedContext[] {
  const { current, contexts } = readContexts();
  return Object.entries(contexts).map(([name, context]) => ({ name, in_use: name === current, ...context }));
}

/** @throws OpError context-not-found */
export function useContext(name: string): void {
  const contexts = readContexts();
  if (name !== localContext) findContext(name, contexts);
  writeContexts({ ...contexts, current: name === localContext ? null : name });
}

/** @throws OpError context-not-found */
export function removeContext(name: string): void {
  const { current, contexts } = readContexts();
  findContext(name, { current, contexts });
  const others = Object.fromEntries(Object.entries(contexts).filter(([other]) => other !== name));
  writeContexts({ current: current === name ? null : current, contexts: others });
}

export function renderContexts(contexts: readonly ListedContext[], paint: Paint): string {
  if (contexts.length === 0) return "There are none; commands talk to the agent of this machine.";
  return renderTable<ListedContext>(
    [
      { heading: "CONTEXT", cell: ({ name }) => name },
      { heading: "IN USE", cell: ({ in_use }) => (in_use ? { text: "yes", tone: "good" } : "") },
      { heading: "HOSTS", cell: ({ hosts }) => hosts.join(", ") },
      { heading: "CREDENTIALS", cell: ({ cert_file, token_file }) => cert_file ?? token_file ?? "" },
    ],
    contexts,
    paint,
  );
}

function usage(message: string, hint: string): OpError {
  return new OpError("usage", { message, hint });
}
