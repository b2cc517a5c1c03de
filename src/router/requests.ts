/** Checks what came over the control socket, field by field: the router has no schema library. Pure. */
import { integer, list, object, oneOf, port, text } from "../links/checked.ts";
import { healthConfig, healthFacts } from "./health/requests.ts";
import { endpointKinds, type EndpointConfig, type Route, type RouterRequest, type Target } from "./wire.ts";

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
    case "health-ports":
      return {
        id,
        kind: "health-ports",
        config: healthConfig(value["config"]),
        sharePorts: value["sharePorts"] === true,
      };
    case "health":
      return { id, kind: "health", facts: healthFacts(value["facts"]) };
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
    kind: oneOf(value["kind"], endpointKinds, "kind"),
    listenHost: text(value["listenHost"], "listenHost"),
    ...listenHosts(value["listenHosts"]),
    listenPort: port(value["listenPort"], "listenPort"),
    tls: { certFile: text(tls["certFile"], "certFile"), keyFile: text(tls["keyFile"], "keyFile") },
    ...hostTls(value["hostTls"]),
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
    kind: oneOf(value["kind"], endpointKinds, "kind"),
    epoch: integer(value["epoch"], "epoch"),
    state,
    targets,
    cut: value["cut"],
    ...(value["keep"] === undefined ? {} : { keep: list(value["keep"], "keep").map(target) }),
    ...(value["fallback"] === undefined ? {} : { fallback: list(value["fallback"], "fallback").map(target) }),
    ...(value["isAsleep"] === true ? { isAsleep: true } : {}),
    ...message,
  };
}

function listenHosts(input: unknown): Pick<EndpointConfig, "listenHosts"> {
  if (input === undefined) return {};
  const hosts = list(input, "listenHosts").map((host) => text(host, "listenHosts"));
  if (hosts.length === 0) throw new TypeError("listenHosts: none");
  return { listenHosts: hosts };
}

function hostTls(input: unknown): Pick<EndpointConfig, "hostTls"> {
  if (input === undefined) return {};
  const value = object(input, "hostTls");
  return {
    hostTls: {
      caFile: text(value["caFile"], "caFile"),
      certFile: text(value["certFile"], "certFile"),
      keyFile: text(value["keyFile"], "keyFile"),
    },
  };
}

function target(input: unknown): Target {
  const value = object(input, "target");
  return {
    member: text(value["member"], "member"),
    host: text(value["host"], "host"),
    port: port(value["port"], "port"),
    ...relay(value["relay"]),
    ...(value["distance"] === undefined ? {} : { distance: integer(value["distance"], "distance") }),
    ...(value["lagMs"] === undefined ? {} : { lagMs: integer(value["lagMs"], "lagMs") }),
  };
}

function relay(input: unknown): Pick<Target, "relay"> {
  if (input === undefined) return {};
  const value = object(input, "relay");
  return {
    relay: {
      host: text(value["host"], "host"),
      address: text(value["address"], "address"),
      port: port(value["port"], "port"),
    },
  };
}
