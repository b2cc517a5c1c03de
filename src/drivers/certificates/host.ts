/**
 * A host's own key and certificate (`<home>/host/host.key`, `host.crt`), and the signing of other hosts' by a host that
 * has the authority's key. Called by `host init`, `host join`, the agent's renewal and the API. A private key never
 * leaves its host; the authority's key is given to the first hosts only, by whoever calls this.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { OpError } from "../../errors/op-error.ts";
import { keyFingerprint } from "../../links/peer-identity.ts";
import { subjectOf } from "./ca.ts";
import {
  certificateRoles,
  factsOf,
  life,
  pointBytes,
  readCertificate,
  readText,
  replaceFile,
  spkiBytes,
  type CertificateFacts,
  type CertificateRole,
} from "./files.ts";

const hostDays = 90;
const dayMs = 24 * 3600 * 1000;

export interface HostCertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** on the first hosts only */
  readonly caKeyFile: string;
}

export interface Authority {
  readonly cert: string;
  readonly key: string;
}

export function hostCertificateFiles(home: string): HostCertificateFiles {
  return {
    caFile: join(home, "ca", "ca.crt"),
    caKeyFile: join(home, "ca", "ca.key"),
    certFile: join(home, "host", "host.crt"),
    keyFile: join(home, "host", "host.key"),
  };
}

/** @returns undefined when this host does not have the authority's key. @throws OpError bad-certificate when it does not fit */
export async function readAuthority(home: string): Promise<Authority | undefined> {
  const { caFile, caKeyFile } = hostCertificateFiles(home);
  const [cert, key] = [await readText(caFile), await readText(caKeyFile)];
  if (key === undefined) return undefined;
  const certificate = await readCertificate(caFile);
  if (cert === undefined || certificate === undefined) throw unreadable(caFile);
  return { cert, key };
}

/** The request to sign, with the key that is there already or a new one: a join that is repeated is the same host's. */
export async function makeHostRequest(home: string, name: string): Promise<string> {
  const { keyFile } = hostCertificateFiles(home);
  await mkdir(join(home, "host"), { recursive: true, mode: 0o755 });
  const { makeKey, makeRequest } = await import("./issue.ts");
  const known = await readText(keyFile);
  const key = known ?? (await makeKey());
  if (known === undefined) await replaceFile(keyFile, key, 0o600);
  try {
    return await makeRequest(key, name);
  } catch (cause) {
    throw new OpError("bad-certificate", {
      message: `"${keyFile}" is not a private key`,
      hint: "Restore it from a backup; on a host that has not joined yet it may be removed.",
      cause,
    });
  }
}

/** @throws OpError bad-certificate when it is no request */
export async function requestFingerprint(request: string): Promise<string> {
  const { keyOfRequest } = await import("./issue.ts");
  const key = await keyOfRequest(request);
  if (key?.length === spkiBytes) return keyFingerprint(key.subarray(-pointBytes));
  throw new OpError("bad-certificate", {
    message: "the request for a certificate is damaged, or not signed with its own key",
    detail: "Keys are on P-256.",
  });
}

/** Checked before: whose request it is, and that the name may have this key. */
export async function signHost(
  authority: Authority,
  host: { readonly request: string; readonly name: string; readonly address: string },
  now: number,
): Promise<string> {
  const { issueHost } = await import("./issue.ts");
  const subject = subjectOf([host.name, "localhost", host.address, "127.0.0.1", "::1"]);
  return issueHost(authority, { request: host.request, name: host.name, subject, life: life(now, hostDays) });
}

/**
 * For a person or a program on another machine; the key is made here and shown once.
 * @throws OpError bad-value for names that a subject cannot hold as they are
 */
export async function issueUserCertificate(
  authority: Authority,
  user: { readonly name: string; readonly role: Exclude<CertificateRole, "host">; readonly lifeMs: number },
  now: number,
): Promise<{ readonly cert: string; readonly key: string }> {
  if (!/^[\w.@-]{1,64}$/.test(user.name) || !certificateRoles.includes(user.role)) {
    throw new OpError("bad-value", {
      message: `"${user.name}" cannot be the name in a certificate`,
      detail: "Names are made of up to 64 letters, digits and . _ @ -",
    });
  }
  const { issueUser } = await import("./issue.ts");
  return issueUser(authority, user.name, user.role, life(now, user.lifeMs / dayMs));
}

/** Puts what another host has signed in its place. @throws OpError bad-certificate unless it is the CA's and fits the key */
export async function installHostCertificate(home: string, cert: string): Promise<CertificateFacts> {
  const { caFile, certFile, keyFile } = hostCertificateFiles(home);
  const authority = await readCertificate(caFile);
  if (!authority) throw unreadable(caFile);
  const key = await readText(keyFile);
  const certificate = parse(cert);
  const facts = factsOf(certificate);
  const isOurs = certificate.verify(authority.publicKey) && key !== undefined;
  if (!isOurs || facts?.role !== "host" || !certificate.checkPrivateKey(createPrivateKey(key))) {
    throw new OpError("bad-certificate", { message: "the certificate that was signed is not for this host's key" });
  }
  await replaceFile(certFile, cert, 0o644);
  return facts;
}

/** @throws OpError bad-certificate when it is missing, damaged, of another CA or key, or past its end */
export async function checkHostCertificate(home: string, now: number): Promise<CertificateFacts> {
  const facts = await readHostCertificate(home);
  if (now < facts.notAfter) return facts;
  throw new OpError("bad-certificate", {
    message: `the certificate of host "${facts.name}" has expired`,
    detail: `It was good until ${new Date(facts.notAfter).toISOString()}; it is renewed by itself while the host reaches one that holds the authority's key.`,
    hint: "Look at this host's clock. If it is right: remove the host from another one and let it join again with a new token.",
  });
}

/** Also one past its end. @throws OpError bad-certificate when it is missing, damaged, of another CA or key */
export async function readHostCertificate(home: string): Promise<CertificateFacts> {
  const { caFile, certFile, keyFile } = hostCertificateFiles(home);
  const [authority, certificate] = [await readCertificate(caFile), await readCertificate(certFile)];
  if (!authority) throw unreadable(caFile);
  if (!certificate) throw unreadable(certFile);
  if (!isKeyOf(certificate, await readText(keyFile))) throw unreadable(keyFile);
  const facts = factsOf(certificate);
  if (facts?.role === "host" && certificate.verify(authority.publicKey)) return facts;
  throw new OpError("bad-certificate", {
    message: `"${certFile}" is not a host's certificate of "${caFile}"`,
    hint: "Restore both from a backup, or remove the host from another one and join again.",
  });
}

function isKeyOf(certificate: X509Certificate, key: string | undefined): boolean {
  try {
    return key !== undefined && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // it is no key
    return false;
  }
}

/** Wall clock, whether or not it has passed; undefined when there is no certificate that can be read. */
export async function certificateEnd(home: string): Promise<number | undefined> {
  const certificate = await readCertificate(hostCertificateFiles(home).certFile);
  return certificate && Date.parse(certificate.validTo);
}

function parse(cert: string): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (cause) {
    throw new OpError("bad-certificate", { message: "the certificate that was signed is damaged", cause });
  }
}

function unreadable(file: string): OpError {
  return new OpError("bad-certificate", {
    message: `"${file}" is missing or damaged, or does not fit the files beside it`,
    hint: "Restore it from a backup, or remove the host from another one and join again.",
  });
}
