/**
 * Who is at the other end of a TLS connection, by its certificate: the name (CN) and what it is (OU). Certificates are
 * checked by the installation's authority and these two, never by address, so that a host can be reached by any.
 */
import { createHash } from "node:crypto";
import type { PeerCertificate, TLSSocket } from "node:tls";

export interface PeerIdentity {
  readonly name: string;
  /** `host`, or the role of a user: `viewer`, `operator`, `admin` */
  readonly unit: string;
  /** SHA-256 of the certificate, as in `openssl x509 -fingerprint -sha256` */
  readonly fingerprint: string;
  /** of its public key, as in the host's record; stays the same when the certificate is renewed. "" when it has none we use */
  readonly keyFingerprint: string;
  /** wall clock, milliseconds: a connection can outlive its certificate */
  readonly validTo: number;
}

/**
 * @returns undefined when there is none that the authority vouches for, or that does not say both exactly once
 */
export function peerIdentity(socket: TLSSocket): PeerIdentity | undefined {
  return socket.authorized ? identityOf(socket.getPeerCertificate()) : undefined;
}

/**
 * A public key's name: SHA-256, hex.
 * @param point of an EC key, as `PeerCertificate.pubkey` has it: the last 65 bytes of its SPKI on P-256
 */
export function keyFingerprint(point: Buffer): string {
  return createHash("sha256").update(point).digest("hex");
}

function identityOf({ subject, fingerprint256, valid_to, pubkey }: PeerCertificate): PeerIdentity | undefined {
  // A name that is given twice comes as an array, whatever the type says; no certificate at all has no subject.
  const { CN: name, OU: unit }: { CN?: unknown; OU?: unknown } = subject ?? {};
  if (typeof name !== "string" || typeof unit !== "string" || name === "") return undefined;
  const key = pubkey ? keyFingerprint(pubkey) : "";
  return { name, unit, fingerprint: fingerprint256, keyFingerprint: key, validTo: Date.parse(valid_to) };
}

/**
 * For `checkServerIdentity` of a caller: the other end must be the host `name`, or any host of the installation.
 * @returns what is wrong with it
 */
export function notHost(name: string | undefined, certificate: PeerCertificate): Error | undefined {
  const found = identityOf(certificate);
  if (found?.unit === "host" && (name === undefined || found.name === name)) return undefined;
  return new Error(
    `the certificate is of ${found ? `${found.unit} "${found.name}"` : "nobody"}, not of ${name === undefined ? "a host" : `host "${name}"`}`,
  );
}
