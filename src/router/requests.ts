/** Checks what came over the control socket, field by field: the router has no schema library. Pure. */
import type { EndpointConfig, Route, RouterRequest, Target } from "./wire.ts";

/** @throws TypeError that names the field */
export function parseRequest(line: string): RouterRequest {
  const value = object(JSON.parse(line), "request");
  const id = integer(value["id"], "id");
  switch (value["kind"]) {
    case "configure":
      return {
        id,
        kind: "configure",
        endpoints: list(value["endpoints"], "endpoints").map(endpoint),
        sharePorts: value["sharePorts"] === true,
      };
    case "route":
      return { id, kind: "route", routes: list(value["routes"], "routes").map(route) };
    case "status":
      return { id, kind: "status" };
    case "drain":
      return { id, kind: "drain", withinMs: integer(value["withinMs"], "withinMs") };
    default:
      throw new TypeError("kind: not a kind of request");
  }
}

function endpoint(input: unknown): EndpointConfig {
  const value = object(input, "endpoint");
  const tls = object(value["tls"], "tls");
  return {
    cluster: text(value["cluster"], "cluster"),
    kind: oneOf(value["kind"], ["primary", "read"], "kind"),
    listenHost: text(value["listenHost"], "listenHost"),
    listenPort: port(value["listenPort"], "listenPort"),
    tls: { certFile: text(tls["certFile"], "certFile"), keyFile: text(tls["keyFile"], "keyFile") },
  };
}

function route(input: unknown): Route {
  const value = object(input, "route");
  const message = value["message"] === undefined ? {} : { message: text(value["message"], "message") };
  const state = oneOf(value["state"], ["open", "hold", "closed"], "state");
  const targets = list(value["targets"], "targets").map(target);
  if (typeof value["cut"] !== "boolean") throw new TypeError("cut: not a boolean");
  if (state === "open" && targets.length === 0) throw new TypeError("targets: an open route needs one");
  return {
    cluster: text(value["cluster"], "cluster"),
    kind: oneOf(value["kind"], ["primary", "read"], "kind"),
    epoch: integer(value["epoch"], "epoch"),
    state,
    targets,
    cut: value["cut"],
    ...message,
  };
}

function target(input: unknown): Target {
  const value = object(input, "target");
  return {
    member: text(value["member"], "member"),
    host: text(value["host"], "host"),
    port: port(value["port"], "port"),
  };
}

function object(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${name}: not an object`);
  return { ...value };
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${name}: not a list`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new TypeError(`${name}: not a text`);
  return value;
}

function integer(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`${name}: not a count`);
  return value;
}

function port(value: unknown, name: string): number {
  const number = integer(value, name);
  if (number < 1 || number > 65_535) throw new TypeError(`${name}: not a port`);
  return number;
}

function oneOf<const T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new TypeError(`${name}: not one of ${allowed.join(", ")}`);
  return found;
}
