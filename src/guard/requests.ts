/** Checks what comes from the agent and from other guards, field by field: the guard has no schema library. Pure. */
import type { HeldPromise, Heartbeat, PromiseAnswer } from "../domain/lease.ts";
import type { CommitRule, Voter } from "../domain/rule.ts";
import { bool, hostAddress, integer, list, number, object, oneOf, text } from "../links/checked.ts";
import type { KnownServer } from "./core.ts";
import type { GuardMessage, GuardRequest, GuardTimings, MemberFeed, Postmaster } from "./wire.ts";

const timeMsMax = 60_000;
const requestKinds = ["feed", "hosts", "release", "status", "stop"] as const;
const messageKinds = ["heartbeats", "promises", "release"] as const;

/** @throws TypeError that names the field, SyntaxError */
export function parseRequest(line: string): GuardRequest {
  const value = object(JSON.parse(line), "request");
  const id = integer(value["id"], "id");
  const kind = oneOf(value["kind"], requestKinds, "kind");
  switch (kind) {
    case "feed":
      return { id, kind, at: number(value["at"], "at"), members: list(value["members"], "members").map(feed) };
    case "hosts":
      return { id, kind, hosts: list(value["hosts"], "hosts").map(hostAddress), timings: timings(value["timings"]) };
    case "release":
      return { id, kind, cluster: text(value["cluster"], "cluster"), epoch: integer(value["epoch"], "epoch") };
    case "status":
    case "stop":
      return { id, kind };
  }
}

/** @throws TypeError that names the field */
export function parseMessage(input: unknown): GuardMessage {
  const value = object(input, "message");
  const kind = oneOf(value["kind"], messageKinds, "kind");
  switch (kind) {
    case "heartbeats":
      return { kind, heartbeats: list(value["heartbeats"], "heartbeats").map(heartbeat) };
    case "promises":
      return { kind, promises: list(value["promises"], "promises").map(promise) };
    case "release": {
      const said = { kind, cluster: text(value["cluster"], "cluster"), epoch: integer(value["epoch"], "epoch") };
      return value["sentAt"] === undefined ? said : { ...said, sentAt: number(value["sentAt"], "sentAt") };
    }
  }
}

/** @throws TypeError or SyntaxError for a file that is damaged */
export function parseServers(json: string): readonly KnownServer[] {
  return list(JSON.parse(json), "servers").map((input) => {
    const value = object(input, "server");
    return {
      cluster: text(value["cluster"], "cluster"),
      member: text(value["member"], "member"),
      postmaster: postmaster(value["postmaster"]),
    };
  });
}

function feed(input: unknown): MemberFeed {
  const value = object(input, "member");
  const { votedFor, postmaster: server } = value;
  return {
    cluster: text(value["cluster"], "cluster"),
    member: text(value["member"], "member"),
    epoch: integer(value["epoch"], "epoch"),
    holds: bool(value["holds"], "holds"),
    open: bool(value["open"], "open"),
    released: bool(value["released"], "released"),
    rules: list(value["rules"], "rules").map(rule),
    voter: voter(value["voter"]),
    votedFor: votedFor === null ? null : integer(votedFor, "votedFor"),
    voterHosts: list(value["voterHosts"], "voterHosts").map((name) => text(name, "voterHosts")),
    postmaster: server === null ? null : postmaster(server),
    held: list(value["held"], "held").map(held),
  };
}

function postmaster(input: unknown): Postmaster {
  const value = object(input, "postmaster");
  const pid = integer(value["pid"], "pid");
  const dataDirectory = text(value["dataDirectory"], "dataDirectory");
  // What is fenced is found by these two: neither may mean more than one server.
  if (pid < 2) throw new TypeError("pid: not a server's");
  if (!/^\/[^/]/.test(dataDirectory)) throw new TypeError("dataDirectory: not the path of a directory");
  return { pid, isPrimary: bool(value["isPrimary"], "isPrimary"), dataDirectory };
}

function rule(input: unknown): CommitRule {
  const value = object(input, "rule");
  const voters = list(value["voters"], "voters").map(voter);
  const acks = integer(value["acks"], "acks");
  if (acks > voters.length || (acks === 0) !== (voters.length === 0)) throw new TypeError("acks: not of these voters");
  return { voters, acks };
}

function voter(input: unknown): Voter {
  const value = object(input, "voter");
  return { member: text(value["member"], "member"), incarnation: integer(value["incarnation"], "incarnation") };
}

function held(input: unknown): HeldPromise {
  const value = object(input, "held");
  return { voter: voter(value["voter"]), safeUntil: number(value["safeUntil"], "safeUntil") };
}

function heartbeat(input: unknown): Heartbeat {
  const value = object(input, "heartbeat");
  return {
    cluster: text(value["cluster"], "cluster"),
    epoch: integer(value["epoch"], "epoch"),
    holder: text(value["holder"], "holder"),
    sentAt: number(value["sentAt"], "sentAt"),
  };
}

function promise(input: unknown): PromiseAnswer {
  const value = object(input, "promise");
  return {
    cluster: text(value["cluster"], "cluster"),
    epoch: integer(value["epoch"], "epoch"),
    voter: voter(value["voter"]),
    sentAt: number(value["sentAt"], "sentAt"),
    promiseMs: milliseconds(value["promiseMs"], "promiseMs"),
  };
}

function timings(input: unknown): GuardTimings {
  const value = object(input, "timings");
  return {
    heartbeatMs: milliseconds(value["heartbeatMs"], "heartbeatMs"),
    promiseMs: milliseconds(value["promiseMs"], "promiseMs"),
    marginMs: milliseconds(value["marginMs"], "marginMs"),
  };
}

function milliseconds(value: unknown, name: string): number {
  const ms = number(value, name);
  if (ms < 10 || ms > timeMsMax) throw new TypeError(`${name}: not between 10 ms and a minute`);
  return ms;
}
