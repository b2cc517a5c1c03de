/** Checks what the agent says of its members' health, field by field. Called by requests.ts. Pure. */
import { bool, integer, list, object, oneOf, port, text } from "../../links/checked.ts";
import type { HealthConfig, HealthFacts, HealthPort, MemberFacts } from "../wire.ts";

/** @throws TypeError that names the field */
export function healthConfig(input: unknown): HealthConfig {
  const value = object(input, "config");
  return {
    listenHosts: list(value["listenHosts"], "listenHosts").map((host) => text(host, "listenHosts")),
    ports: list(value["ports"], "ports").map(healthPort),
    agentSocket: text(value["agentSocket"], "agentSocket"),
    ...tls(value["tls"]),
  };
}

/** @throws TypeError that names the field */
export function healthFacts(input: unknown): HealthFacts {
  const value = object(input, "facts");
  const bodies = object(value["bodies"], "bodies");
  return {
    cluster: text(value["cluster"], "cluster"),
    members: list(value["members"], "members").map(memberFacts),
    bodies: {
      cluster: text(bodies["cluster"], "bodies.cluster"),
      history: text(bodies["history"], "bodies.history"),
      config: text(bodies["config"], "bodies.config"),
    },
    isPaused: bool(value["isPaused"], "isPaused"),
  };
}

function healthPort(input: unknown): HealthPort {
  const value = object(input, "port");
  const own = { port: port(value["port"], "port") };
  if (value["of"] === undefined) return own;
  const of = object(value["of"], "of");
  return { ...own, of: { cluster: text(of["cluster"], "of.cluster"), member: text(of["member"], "of.member") } };
}

function tls(input: unknown): Pick<HealthConfig, "tls"> {
  if (input === undefined) return {};
  const value = object(input, "tls");
  return { tls: { certFile: text(value["certFile"], "certFile"), keyFile: text(value["keyFile"], "keyFile") } };
}

function memberFacts(input: unknown): MemberFacts {
  const value = object(input, "member");
  const lag = object(value["lagBytes"], "lagBytes");
  return {
    member: text(value["member"], "member"),
    serverPort: port(value["serverPort"], "serverPort"),
    state: text(value["state"], "state"),
    role: oneOf(value["role"], ["primary", "replica"], "role"),
    isHolder: bool(value["isHolder"], "isHolder"),
    isWaiting: bool(value["isWaiting"], "isWaiting"),
    kind: oneOf(value["kind"], ["sync", "quorum", "async"], "kind"),
    isAstray: bool(value["isAstray"], "isAstray"),
    isStreaming: bool(value["isStreaming"], "isStreaming"),
    lagBytes: { apply: maybeBytes(lag["apply"], "apply"), write: maybeBytes(lag["write"], "write") },
    readyLagBytes: integer(value["readyLagBytes"], "readyLagBytes"),
    tags: tags(value["tags"]),
    isLookedAt: bool(value["isLookedAt"], "isLookedAt"),
    body: text(value["body"], "body"),
  };
}

function maybeBytes(value: unknown, name: string): number | null {
  return value === null ? null : integer(value, name);
}

function tags(input: unknown): Readonly<Record<string, string>> {
  const given = Object.entries(object(input, "tags"));
  return Object.fromEntries(given.map(([name, value]) => [name, typeof value === "string" ? value : String(value)]));
}
