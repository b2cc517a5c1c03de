/**
 * Who asks: found once for each request, from the connection that it came on, and kept for the routes and the audit.
 * On the Unix socket the file mode has decided who may call at all, so the name that the client sends is trusted; on
 * TLS only a certificate of our authority or a token says who somebody is.
 */
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";

import type { Asked } from "../../contract/installation.ts";
import { notOfThisInstallation } from "../../contract/host.ts";
import { handedOnHeader, isRole, roleHeader, userHeader, type Role } from "../../domain/caller.ts";
import { OpError } from "../../errors/op-error.ts";
import { peerIdentity, type PeerIdentity } from "../../links/peer-identity.ts";
import type { TunnelWish } from "../tunnels/tunnels.ts";

export interface Caller {
  readonly by: string;
  /** host: an agent that asks for itself */
  readonly role: Role | "host";
  /** "socket", "certificate", "token", or "host <name>" when that host's agent hands it on, or its root asks by hand */
  readonly via: string;
  /** address of the other end; undefined on the Unix socket */
  readonly address: string | undefined;
  /** another agent has it in its audit */
  readonly isHandedOn?: boolean;
}

/** What the agent knows about those who show a certificate or a token. */
export interface Gate {
  /** @returns false for a host that was removed and a user that was revoked */
  isAllowed(identity: PeerIdentity): boolean;
  /** @returns undefined for a token that is unknown, expired or revoked */
  ownerOf(token: string): { readonly name: string; readonly role: Role } | undefined;
}

/** The certificate alone decides: nobody is shut out, and nobody has a token. */
export const openGate: Gate = { isAllowed: () => true, ownerOf: () => undefined };

export interface ApiEnv {
  readonly Bindings: Pick<HttpBindings, "incoming"> & { readonly tunnel?: TunnelWish };
  readonly Variables: {
    readonly caller: Caller | undefined;
    /** it only looks, and belongs in the audit all the same */
    readonly isNoteworthy?: boolean;
    /** it is refused because there were so many */
    readonly retryAfterSeconds?: number;
  };
}

/** @throws OpError not-authenticated when a route needs a caller and there is none; the role check comes first */
export function callerOf(c: Context): Caller {
  const caller: Caller | undefined = c.get("caller");
  if (caller === undefined) throw nobody();
  return caller;
}

export function asked(c: Context): Asked {
  return { by: callerOf(c).by };
}

/**
 * @returns undefined for somebody who shows nothing
 * @throws OpError not-authenticated for a certificate or a token that is shown and not good
 */
export function identify(incoming: IncomingMessage, gate: Gate, now: number): Caller | undefined {
  const { socket, headers } = incoming;
  if (!(socket instanceof TLSSocket)) {
    return { by: cleanName(headers[userHeader]), role: "admin", via: "socket", address: undefined };
  }
  const address = socket.remoteAddress;
  if (socket.getPeerX509Certificate() !== undefined) return byCertificate(socket, incoming, gate, now);
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(headers.authorization ?? "")?.[1];
  if (token === undefined) {
    if (headers.authorization === undefined) return undefined;
    throw new OpError("not-authenticated", {
      message: "the authorization header cannot be read",
      hint: 'Send "Authorization: Bearer TOKEN".',
    });
  }
  const owner = gate.ownerOf(token);
  if (owner) return { by: owner.name, role: owner.role, via: "token", address };
  throw new OpError("not-authenticated", {
    message: "the token is not known",
    detail: "It is wrong, has expired or was revoked.",
    hint: "An admin makes a new one with: matriarch token create",
  });
}

function byCertificate(socket: TLSSocket, { headers }: IncomingMessage, gate: Gate, now: number): Caller {
  const identity = peerIdentity(socket);
  const address = socket.remoteAddress;
  if (identity === undefined) {
    throw refused(
      socket.authorized
        ? "It names nobody, or does not say what it is for."
        : tlsWords(String(socket.authorizationError)),
    );
  }
  const { name, unit, validTo } = identity;
  // It was good when the connection was made, which may be long ago.
  if (now > validTo) throw refused("It has expired.");
  if (!gate.isAllowed(identity)) {
    throw refused(
      unit === "host"
        ? `Host "${name}" ${notOfThisInstallation}.`
        : `The one of "${name}" was revoked, or was not made with matriarch certificate create.`,
    );
  }
  if (isRole(unit)) return { by: name, role: unit, via: "certificate", address };
  if (unit !== "host") throw refused(`Certificates of "${unit}" may not call the agent.`);
  const role = headers[roleHeader];
  if (role === undefined) return { by: name, role: "host", via: "certificate", address };
  if (typeof role !== "string" || !isRole(role)) throw refused(`Host "${name}" asks for somebody of an unknown role.`);
  const isHandedOn = headers[handedOnHeader] !== undefined;
  return { by: cleanName(headers[userHeader]), role, via: `host ${name}`, address, isHandedOn };
}

/** Names stand in logs and events, where they must not look like something else. */
function cleanName(header: string | readonly string[] | undefined): string {
  const name = (typeof header === "string" ? header : "").replaceAll(/[^\w.@-]/g, "").slice(0, 64);
  return name === "" ? "unknown" : name;
}

function refused(detail: string): OpError {
  return new OpError("not-authenticated", {
    message: "the certificate is not accepted",
    detail,
    hint: "An admin makes one for a person or a program with: matriarch certificate create",
  });
}

function tlsWords(code: string): string {
  return code === "CERT_HAS_EXPIRED" ? "It has expired." : `The TLS library says: ${code}.`;
}

export function nobody(): OpError {
  return new OpError("not-authenticated", {
    message: "the agent does not know who you are",
    detail: "From another machine it asks for a client certificate of the installation's authority, or for a token.",
    hint: "An admin makes them with: matriarch certificate create, or matriarch token create",
  });
}
