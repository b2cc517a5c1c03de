/**
 * The installation's own certificate authority, and the certificates that its endpoints show. Called by the agent at
 * its start and once a day. Keys are readable by their owner only; the authority's certificate is for everybody, it is
 * what clients check with (`sslrootcert`).
 */
import { X509Certificate as NodeCertificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { life, readCertificate, readText, renewalOf, replaceFile } from "./files.ts";
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
  const files = {
    certFile: join(directory, "server.crt"),
    keyFile: join(directory, "server.key"),
    caFile: join(directory, "ca.crt"),
  };
  const caIsNew = await ensureAuthority(directory, now);
  const current = caIsNew ? undefined : await readCertificate(files.certFile);
  if (current && (await readText(files.keyFile)) !== undefined && isGood(current, names, now)) {
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

/**
 * The authority's certificate and key under `directory`. Of several hosts, only the first one makes it, once.
 * @returns whether it had to be made: then every certificate of the one before is worthless
 */
export async function ensureAuthority(directory: string, now: number): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const certFile = join(directory, "ca.crt");
  const keyFile = join(directory, "ca.key");
  const current = await readCertificate(certFile);
  if (current && (await readText(keyFile)) !== undefined && Date.parse(current.validTo) - now > serverDays * dayMs)
    return false;
  const { issueAuthority } = await import("./issue.ts");
  const made = await issueAuthority("Matriarch CA", life(now, caDays));
  await replaceFile(keyFile, made.key, 0o600);
  await replaceFile(certFile, made.cert, 0o644);
  return true;
}

function isGood(certificate: NodeCertificate, names: readonly string[], now: number): boolean {
  if (now >= renewalOf(certificate) || now < Date.parse(certificate.validFrom)) return false;
  const { addresses, hosts } = subjectOf(names);
  return addresses.every((ip) => certificate.checkIP(ip)) && hosts.every((host) => certificate.checkHost(host));
}

export function subjectOf(names: readonly string[]): Subject {
  const unique = [...new Set(names.map((name) => name.toLowerCase()))];
  const isAddress = (name: string) => /^[0-9.]+$/.test(name) || name.includes(":");
  return { addresses: unique.filter(isAddress), hosts: unique.filter((name) => !isAddress(name)) };
}
