/**
 * The installation's own certificate authority, and the certificates that its endpoints show. Called by the agent at
 * its start and once a day. Keys are readable by their owner only; the authority's certificate is for everybody, it is
 * what clients check with (`sslrootcert`).
 */
import { X509Certificate as NodeCertificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Subject } from "./issue.ts";

const dayMs = 24 * 3600 * 1000;
const caDays = 3650;
const serverDays = 90;

export interface ServerCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** for clients: `sslrootcert` */
  readonly caFile: string;
  /** wall clock: when it has to be renewed, two thirds through its life */
  readonly renewAt: number;
  /** a new one was made by this call */
  readonly isNew: boolean;
}

/**
 * The endpoints' certificate under `directory`, made or renewed if need be. Renewed files take the place of the old
 * ones one after the other, whole; whoever reads both in between finds that they do not match, and reads again.
 * @param names host names and addresses that clients use
 * @param now wall clock, milliseconds
 */
export async function ensureServerCertificate(
  directory: string,
  names: readonly string[],
  now: number,
): Promise<ServerCertificate> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const files = {
    certFile: join(directory, "server.crt"),
    keyFile: join(directory, "server.key"),
    caFile: join(directory, "ca.crt"),
  };
  const caIsNew = await ensureAuthority(directory, now);
  const current = caIsNew ? undefined : await readCertificate(files.certFile);
  if (current && (await exists(files.keyFile)) && isGood(current, names, now)) {
    return { ...files, renewAt: renewalOf(current), isNew: false };
  }
  const { issueServer } = await import("./issue.ts");
  const authority = {
    cert: await readFile(files.caFile, "utf8"),
    key: await readFile(join(directory, "ca.key"), "utf8"),
  };
  const made = await issueServer(authority, subjectOf(names), life(now, serverDays));
  await replaceFile(files.keyFile, made.key, 0o600);
  await replaceFile(files.certFile, made.cert, 0o644);
  return { ...files, renewAt: renewalOf(new NodeCertificate(made.cert)), isNew: true };
}

/** @returns whether it had to be made: then every certificate of the one before is worthless */
async function ensureAuthority(directory: string, now: number): Promise<boolean> {
  const certFile = join(directory, "ca.crt");
  const keyFile = join(directory, "ca.key");
  const current = await readCertificate(certFile);
  if (current && (await exists(keyFile)) && Date.parse(current.validTo) - now > serverDays * dayMs) return false;
  const { issueAuthority } = await import("./issue.ts");
  const made = await issueAuthority("Matriarch CA", life(now, caDays));
  await replaceFile(keyFile, made.key, 0o600);
  await replaceFile(certFile, made.cert, 0o644);
  return true;
}

/** A clock that is a little behind must not find a new certificate not yet valid. */
function life(now: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - 3600 * 1000), notAfter: new Date(now + days * dayMs) };
}

function isGood(certificate: NodeCertificate, names: readonly string[], now: number): boolean {
  if (now >= renewalOf(certificate) || now < Date.parse(certificate.validFrom)) return false;
  const { addresses, hosts } = subjectOf(names);
  return addresses.every((ip) => certificate.checkIP(ip)) && hosts.every((host) => certificate.checkHost(host));
}

function renewalOf(certificate: NodeCertificate): number {
  const from = Date.parse(certificate.validFrom);
  return from + ((Date.parse(certificate.validTo) - from) * 2) / 3;
}

function subjectOf(names: readonly string[]): Subject {
  const unique = [...new Set(names.map((name) => name.toLowerCase()))];
  const isAddress = (name: string) => /^[0-9.]+$/.test(name) || name.includes(":");
  return { addresses: unique.filter(isAddress), hosts: unique.filter((name) => !isAddress(name)) };
}

async function readCertificate(path: string): Promise<NodeCertificate | undefined> {
  try {
    return new NodeCertificate(await readFile(path));
  } catch {
    // Missing, or damaged: either way a new one is made.
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    (bytes) => bytes.length > 0,
    () => false,
  );
}

async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode });
  await chmod(draft, mode);
  await rename(draft, path);
}
