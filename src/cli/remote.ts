/**
 * Whom a command talks to: an agent on another machine, by --host, --context, the environment or the context in use, or
 * else the agent of this machine. Loaded by context.ts when a command needs an agent; reads files and never the network.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { localContext, readContexts, usualPort, type Context, type Contexts } from "../config/contexts.ts";
import { homePaths } from "../config/home.ts";
import { OpError } from "../errors/op-error.ts";
import type { Remote } from "./client/remote-agent.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface Choice {
  /** as given by --host, each perhaps several with commas */
  readonly hosts: readonly string[];
  readonly context: string | undefined;
}

/**
 * --host, then --context, then MATRIARCH_HOST, then MATRIARCH_CONTEXT, then the context in use.
 * @returns undefined for the agent of this machine
 * @throws OpError usage, bad-value, context-not-found
 */
export function chooseRemote({ hosts, context }: Choice, home: string, env: Env = process.env): Remote | undefined {
  if (hosts.length > 0 && context !== undefined)
    throw new OpError("usage", { message: "--host and --context are two ways to say the same; give one of them" });
  if (hosts.length > 0) return byHosts(hosts, home, env);
  if (context !== undefined) return byContext(context, env);
  if (env["MATRIARCH_HOST"]) return byHosts([env["MATRIARCH_HOST"]], home, env);
  if (env["MATRIARCH_CONTEXT"]) return byContext(env["MATRIARCH_CONTEXT"], env);
  const { current } = readContexts();
  return current === null ? undefined : byContext(current, env);
}

/** `https://a:7400,b` as addresses: port 7400 unless told, always TLS. @throws OpError bad-value */
export function parseHosts(given: readonly string[]): readonly URL[] {
  const texts = given.flatMap((text) => text.split(",")).map((text) => text.trim());
  return texts.filter((text) => text !== "").map(parseHost);
}

function parseHost(text: string): URL {
  const url = URL.canParse(text) && text.includes("://") ? new URL(text) : tryParse(`https://${text}`);
  const isPlain = url?.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (url?.protocol === "https:" && isPlain && url.hostname !== "") return url;
  throw new OpError("bad-value", {
    message: `"${text}" is no address of a host's agent`,
    hint: "Write it as https://10.0.0.1:7400",
  });
}

function tryParse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Hosts of a context that is known bring what it has; the environment goes before it. */
function byHosts(given: readonly string[], home: string, env: Env): Remote {
  const hosts = parseHosts(given);
  if (hosts.length === 0) throw new OpError("usage", { message: "no host is given" });
  const known = contextOf(hosts, readContexts());
  const own = join(homePaths(home).ca, "ca.crt");
  const caFile = env["MATRIARCH_CA_FILE"] || known?.ca_file || (isThere(own) ? own : undefined);
  if (caFile === undefined) {
    throw new OpError("usage", {
      message: "it is not known which authority vouches for the host",
      detail: "Its certificate is checked with the certificate of the installation's authority, ca.crt.",
      hint: "Name that file in MATRIARCH_CA_FILE, or add a context: matriarch help context add",
    });
  }
  const remote = load(hosts, { ...known, ca_file: caFile }, env);
  if (remote.token !== undefined || remote.certificate !== undefined || caFile !== own) return remote;
  return { ...remote, ...ownHost(home) };
}

/** Root on a host of the installation needs nothing else: also when this host's own agent does not run. */
function ownHost(home: string): Partial<Remote> {
  const [certFile, keyFile] = [join(home, "host", "host.crt"), join(home, "host", "host.key")];
  try {
    return { certificate: { cert: readFileSync(certFile), key: readFileSync(keyFile) }, isOwnHost: true };
  } catch {
    // not a host, or somebody else's: the agent says what it needs
    return {};
  }
}

function contextOf(hosts: readonly URL[], { contexts }: Contexts): Context | undefined {
  const wanted = new Set(hosts.map(whole));
  return Object.values(contexts).find((context) => parseHosts(context.hosts).some((url) => wanted.has(whole(url))));
}

/** The usual port may be written or left out. */
function whole({ hostname, port }: URL): string {
  return `${hostname}:${port === "" ? usualPort : port}`;
}

function byContext(name: string, env: Env): Remote | undefined {
  if (name === localContext) return undefined;
  const context = findContext(name, readContexts());
  return load(parseHosts(context.hosts), context, env);
}

/** @throws OpError context-not-found */
export function findContext(name: string, { contexts }: Contexts): Context {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found) return found;
  const names = Object.keys(contexts);
  throw new OpError("context-not-found", {
    message: `there is no context "${name}"`,
    detail:
      names.length === 0 ? "There are none yet." : `There ${names.length === 1 ? "is" : "are"}: ${names.join(", ")}.`,
    hint: "Add it with: matriarch context add",
  });
}

function load(hosts: readonly URL[], known: Partial<Context> & Pick<Context, "ca_file">, env: Env): Remote {
  return {
    hosts,
    caFile: known.ca_file,
    ca: read(known.ca_file, "certificate of the authority"),
    ...(identityOf(env) ?? identityIn(known)),
  };
}

type Identity = Pick<Remote, "certificate" | "token">;

/** Who says who they are is nobody else besides: nothing of the context's is sent along, least of all its larger role. */
function identityOf(env: Env): Identity | undefined {
  const certFile = env["MATRIARCH_CERT_FILE"] || undefined;
  const keyFile = env["MATRIARCH_KEY_FILE"] || undefined;
  const token = env["MATRIARCH_TOKEN"]?.trim() || undefined;
  const tokenFile = env["MATRIARCH_TOKEN_FILE"] || undefined;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new OpError("usage", {
      message: "MATRIARCH_CERT_FILE and MATRIARCH_KEY_FILE belong together",
      hint: `Set ${certFile === undefined ? "MATRIARCH_CERT_FILE" : "MATRIARCH_KEY_FILE"} as well.`,
    });
  if (certFile === undefined && token === undefined && tokenFile === undefined) return undefined;
  const { certificate, token: ofFile } = identityIn({ cert_file: certFile, key_file: keyFile, token_file: tokenFile });
  return { certificate, token: token ?? ofFile };
}

function identityIn({ cert_file: cert, key_file: key, token_file: token }: Partial<Context>): Identity {
  return {
    certificate:
      cert === undefined || key === undefined ? undefined : { cert: read(cert, "certificate"), key: readKey(key) },
    token: token === undefined ? undefined : readToken(token),
  };
}

/** @throws OpError bad-value when it cannot be read, is empty, or can be read by others */
export function readToken(path: string): string {
  const token = read(path, "token").toString("utf8").trim();
  if (token === "" || /\s/.test(token)) {
    throw new OpError("bad-value", { message: `"${path}" holds no token`, detail: "It must be one line, the token." });
  }
  refuseOpen(path, "token");
  return token;
}

/** @throws OpError bad-value when it cannot be read, or can be read by others */
export function readKey(path: string): Buffer {
  const key = read(path, "certificate's key");
  refuseOpen(path, "key");
  return key;
}

function refuseOpen(path: string, what: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new OpError("bad-value", {
    message: `the ${what} in "${path}" can be read by others`,
    detail: `The file's mode is ${mode.toString(8)}.`,
    hint: `chmod 600 ${path}`,
  });
}

export function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new OpError("bad-value", {
      message: `the ${what} "${path}" cannot be read`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    });
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
