/**
 * Certificates and keys as files: read with care, replaced whole, keys for their owner alone; and what a certificate
 * says. Called by the other files of this folder and by whoever looks at a certificate. Makes none.
 */
import { createHash, X509Certificate } from "node:crypto";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";

import { keyFingerprint } from "../../links/peer-identity.ts";

const dayMs = 24 * 3600 * 1000;

/** An uncompressed point of P-256 ends the SPKI of 91 bytes. Source: RFC 5480, 2.2. */
export const pointBytes = 65;
export const spkiBytes = 91;

/** What a certificate of an installation is for: its subject's OU. */
export const certificateRoles = ["host", "viewer", "operator", "admin"] as const;
export type CertificateRole = (typeof certificateRoles)[number];

export interface CertificateFacts {
  /** CN: the host's name, or the user's */
  readonly name: string;
  readonly role: CertificateRole;
  readonly keyFingerprint: string;
  /** wall clock */
  readonly notBefore: number;
  readonly notAfter: number;
  /** when it has to be renewed, two thirds through its life */
  readonly renewAt: number;
}

/** @returns undefined when its subject is not one that this installation gives */
export function factsOf(certificate: X509Certificate): CertificateFacts | undefined {
  const subject = new Map(certificate.subject.split("\n").map((line) => splitOnce(line)));
  const name = subject.get("CN");
  const role = certificateRoles.find((known) => known === subject.get("OU"));
  if (name === undefined || role === undefined) return undefined;
  return {
    name,
    role,
    keyFingerprint: keyFingerprintOf(certificate),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    renewAt: renewalOf(certificate),
  };
}

/** Stays the same when the certificate is renewed. */
export function keyFingerprintOf(certificate: X509Certificate): string {
  return keyFingerprint(certificate.publicKey.export({ type: "spki", format: "der" }).subarray(-pointBytes));
}

/** SHA-256 of the whole certificate, hex: names a CA. */
export function fingerprintOf(pem: string): string {
  return createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
}

export function renewalOf(certificate: X509Certificate): number {
  const from = Date.parse(certificate.validFrom);
  return from + ((Date.parse(certificate.validTo) - from) * 2) / 3;
}

/** A clock that is a little behind must not find a new certificate not yet valid. */
export function life(now: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - 3600 * 1000), notAfter: new Date(now + days * dayMs) };
}

/** @returns undefined when it is missing or damaged */
export async function readCertificate(path: string): Promise<X509Certificate | undefined> {
  try {
    return new X509Certificate(await readFile(path));
  } catch {
    return undefined;
  }
}

export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (text) => (text === "" ? undefined : text),
    () => undefined,
  );
}

export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode });
  await chmod(draft, mode);
  await rename(draft, path);
}

function splitOnce(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}
