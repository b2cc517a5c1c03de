/** What other agents ask: open to host certificates alone (access/roles.ts), one line for each part. */
import { z } from "zod";

import {
  certificateAnswerSchema,
  certificateRequestSchema,
  placeAnswerSchema,
  reachAnswerSchema,
  reachRequestSchema,
} from "../../contract/host.ts";
import {
  bookRequestSchema,
  archivedFileRequestSchema,
  claimPortsRequestSchema,
  contentsRequestSchema,
  drainTokenRequestSchema,
  engineRequestSchema,
  eraseRequestSchema,
  installRequestSchema,
  journalRequestSchema,
  replacedRequestSchema,
  replacingRequestSchema,
  trySettingsRequestSchema,
  type PeerApi,
} from "../../contract/peer.ts";
import { OpError } from "../../errors/op-error.ts";
import { callerOf } from "../access/caller.ts";
import { check } from "../input.ts";
import { route } from "../route.ts";
import { several } from "./hosts.ts";

/** @param host that asks, as its certificate says */
type Part = (peer: PeerApi, body: unknown, host: string) => Promise<unknown>;

const parts: Readonly<Record<string, Part>> = {
  "backup-book": (peer, body) => peer.backupBook(check(bookRequestSchema, body, "body")),
  "drain-token": (peer, body) => peer.drainToken(check(drainTokenRequestSchema, body, "body")),
  "looks": (peer, body, host) => peer.looks(host, body),
  "ports": (peer, body) => peer.claimPorts(check(claimPortsRequestSchema, body, "body")),
  "engine": (peer, body) => peer.prepareEngine(check(engineRequestSchema, body, "body")),
  "erase": (peer, body) => peer.erase(check(eraseRequestSchema, body, "body").cluster),
  "contents": (peer, body) => peer.contents(check(contentsRequestSchema, body, "body")),
  "install": (peer, body) => peer.installPackage(check(installRequestSchema, body, "body")),
  "try-settings": (peer, body) => peer.trySettings(check(trySettingsRequestSchema, body, "body")),
  "archived-file": (peer, body) => peer.archivedFile(check(archivedFileRequestSchema, body, "body")),
  "replacing": (peer, body) => {
    const { cluster, journal } = check(replacingRequestSchema, body, "body");
    return peer.replacing({ cluster, journal });
  },
  "replaced": (peer, body) => peer.replaced(check(replacedRequestSchema, body, "body").cluster),
  "journal": (peer, body) => peer.journal(check(journalRequestSchema, body, "body")),
};

/** What a part answers is checked by the agent that asked; a part takes what its own schema says. */
const documentSchema = z.record(z.string(), z.unknown());

export const peerRoutes = [
  route(
    "POST /v1/peer/reach",
    {
      id: "reachHost",
      role: "host",
      does: "Says whether the host that is asked reaches the one that asks.",
      body: reachRequestSchema,
      answer: reachAnswerSchema,
    },
    async ({ body }, { hosts }) => several(hosts).reach(body),
  ),
  route(
    "POST /v1/peer/certificate",
    {
      id: "renewHostCertificate",
      role: "host",
      does: "Gives the host that asks a new certificate.",
      body: certificateRequestSchema,
      answer: certificateAnswerSchema,
    },
    async ({ body: { request }, c }, { hosts }) => ({
      certificate: await several(hosts).certify(callerOf(c).by, request),
    }),
  ),
  route(
    "POST /v1/peer/place",
    {
      id: "placeHost",
      role: "host",
      does: "Gives the host that asks what belongs to its place among the first.",
      answer: placeAnswerSchema,
    },
    async ({ c }, { hosts }) => several(hosts).place(callerOf(c).by),
  ),
  route(
    "POST /v1/peer/:what",
    {
      id: "askPeer",
      role: "host",
      does: "What agents ask of each other about their hosts' members.",
      body: documentSchema,
      answer: documentSchema,
    },
    async ({ path: { what }, body, c }, { peer }) => {
      const part = Object.hasOwn(parts, what) ? parts[what] : undefined;
      if (part === undefined || peer === undefined) {
        throw new OpError("not-supported", {
          message: `this agent offers no "${what}" to other agents`,
          hint: "It may be of another version: see matriarch host list.",
        });
      }
      return documentSchema.parse((await part(peer, body, callerOf(c).by)) ?? {});
    },
  ),
];
