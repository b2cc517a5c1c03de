/** Checks what came over the control socket, field by field: the relay has no schema library. Pure. */
import { hostAddress, integer, list, object, port, text } from "../links/checked.ts";
import type { RelayMember, RelayRequest, RelaySelf, RelayUpstream } from "./wire.ts";

/** @throws TypeError that names the field */
export function parseRequest(line: string): RelayRequest {
  const value = object(JSON.parse(line), "request");
  const id = integer(value["id"], "id");
  switch (value["kind"]) {
    case "configure":
      return {
        id,
        kind: "configure",
        self: self(value["self"]),
        members: list(value["members"], "members").map(member),
        upstreams: list(value["upstreams"], "upstreams").map(upstream),
        sharePort: value["sharePort"] === true,
      };
    case "status":
      return { id, kind: "status" };
    case "cut":
      return { id, kind: "cut", host: text(value["host"], "host") };
    case "drain":
      return { id, kind: "drain", withinMs: integer(value["withinMs"], "withinMs") };
    default:
      throw new TypeError("kind: not a kind of request");
  }
}

function self(input: unknown): RelaySelf {
  const value = object(input, "self");
  const tls = object(value["tls"], "tls");
  const owner = value["owner"] === undefined ? undefined : object(value["owner"], "owner");
  return {
    address: text(value["address"], "address"),
    port: port(value["port"], "port"),
    tls: {
      caFile: text(tls["caFile"], "caFile"),
      certFile: text(tls["certFile"], "certFile"),
      keyFile: text(tls["keyFile"], "keyFile"),
    },
    ...(value["hosts"] !== undefined && { hosts: list(value["hosts"], "hosts").map(known) }),
    ...(owner && { owner: { uid: integer(owner["uid"], "uid"), gid: integer(owner["gid"], "gid") } }),
  };
}

function known(input: unknown): { readonly name: string; readonly keyFingerprint: string } {
  const value = object(input, "host");
  return { name: text(value["name"], "name"), keyFingerprint: text(value["keyFingerprint"], "keyFingerprint") };
}

function member(input: unknown): RelayMember {
  const value = object(input, "member");
  return {
    member: text(value["member"], "member"),
    socketDirectory: text(value["socketDirectory"], "socketDirectory"),
    port: port(value["port"], "port"),
  };
}

function upstream(input: unknown): RelayUpstream {
  const value = object(input, "upstream");
  return { ...member(value), host: hostAddress(value["host"]) };
}
