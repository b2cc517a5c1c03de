/** What other agents ask: open to host certificates alone (access/roles.ts), one line for each part. */
import { Hono } from "hono";

import {
  claimPortsRequestSchema,
  contentsRequestSchema,
  engineRequestSchema,
  eraseRequestSchema,
  installRequestSchema,
  journalRequestSchema,
  trySettingsRequestSchema,
  type PeerApi,
} from "../../contract/peer.ts";
import { OpError } from "../../errors/op-error.ts";
import { callerOf } from "../access/caller.ts";
import { check, readJson } from "../input.ts";

/** @param host that asks, as its certificate says */
type Part = (peer: PeerApi, body: unknown, host: string) => Promise<unknown>;

const parts: Readonly<Record<string, Part>> = {
  "looks": (peer, body, host) => peer.looks(host, body),
  "ports": (peer, body) => peer.claimPorts(check(claimPortsRequestSchema, body, "body")),
  "engine": (peer, body) => peer.prepareEngine(check(engineRequestSchema, body, "body")),
  "erase": (peer, body) => peer.erase(check(eraseRequestSchema, body, "body").cluster),
  "contents": (peer, body) => peer.contents(check(contentsRequestSchema, body, "body")),
  "install": (peer, body) => peer.installPackage(check(installRequestSchema, body, "body")),
  "try-settings": (peer, body) => peer.trySettings(check(trySettingsRequestSchema, body, "body")),
  "journal": (peer, body) => peer.journal(check(journalRequestSchema, body, "body")),
};

export function peerRoutes(peer: PeerApi | undefined): Hono {
  return new Hono().post("/:what", async (c) => {
    const what = c.req.param("what");
    const part = Object.hasOwn(parts, what) ? parts[what] : undefined;
    if (part === undefined || peer === undefined) {
      throw new OpError("not-supported", {
        message: `this agent offers no "${what}" to other agents`,
        hint: "It may be of another version: see matriarch host list.",
      });
    }
    return c.json((await part(peer, await readJson(c), callerOf(c).by)) ?? {});
  });
}
