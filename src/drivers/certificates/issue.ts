/**
 * Makes keys and certificates: ECDSA on P-256, as every TLS library of the last ten years takes it. Loaded by its
 * neighbours only when one is due, because the library takes 77 ms to load. The library works only after reflect-metadata.
 */
import "reflect-metadata";
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
}

export interface Life {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export async function issueAuthority(name: string, life: Life): Promise<Pem> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...life,
    serialNumber: serial(),
    name: `CN=${name}`,
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: withNewline(certificate.toString("pem")), key: await privatePem(keys) };
}

/** The endpoints' certificate of an embedded installation, with a new key. */
export async function issueServer(authority: Pem, subject: Subject, life: Life): Promise<Pem> {
  const keys = await newKeys();
  const name = `CN=${subject.hosts[0] ?? subject.addresses[0] ?? "matriarch"}`;
  const usages = [ExtendedKeyUsage.serverAuth];
  const cert = await sign(authority, { name, subject, usages, publicKey: keys.publicKey, life });
  return { cert, key: await privatePem(keys) };
}

/** A host proves itself with it in both directions: as server and as client. */
export async function issueHost(
  authority: Pem,
  { request, name, subject, life }: { request: string; name: string; subject: Subject; life: Life },
): Promise<string> {
  const { publicKey } = new Pkcs10CertificateRequest(request);
  const usages = [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
  return sign(authority, { name: `CN=${name}, OU=host`, subject, usages, publicKey, life });
}

export async function issueUser(authority: Pem, name: string, role: string, life: Life): Promise<Pem> {
  const keys = await newKeys();
  const subject = { hosts: [], addresses: [] };
  const usages = [ExtendedKeyUsage.clientAuth];
  const named = `CN=${name}, OU=${role}`;
  const cert = await sign(authority, { name: named, subject, usages, publicKey: keys.publicKey, life });
  return { cert, key: await privatePem(keys) };
}

/** @returns a new private key; it never leaves its host */
export async function makeKey(): Promise<string> {
  return privatePem(await newKeys());
}

/** What is sent to be signed: the public key, and the proof that the sender has the private one. */
export async function makeRequest(key: string, name: string): Promise<string> {
  const der = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
  const publicKey = await webcrypto.subtle.importKey("spki", der, algorithm, true, ["verify"]);
  const keys = { privateKey: await importPrivate(key), publicKey };
  const request = await Pkcs10CertificateRequestGenerator.create({ name: `CN=${name}`, keys, signingAlgorithm });
  return withNewline(request.toString("pem"));
}

/** @returns the public key of a sound request (SPKI), undefined when it is none */
export async function keyOfRequest(request: string): Promise<Buffer | undefined> {
  try {
    const parsed = new Pkcs10CertificateRequest(request);
    return (await parsed.verify()) ? Buffer.from(parsed.publicKey.rawData) : undefined;
  } catch {
    // whatever the parser trips over: it is no request
    return undefined;
  }
}

interface Wanted {
  readonly name: string;
  readonly subject: Subject;
  readonly usages: ExtendedKeyUsage[];
  readonly publicKey: webcrypto.CryptoKey | Pkcs10CertificateRequest["publicKey"];
  readonly life: Life;
}

async function sign(authority: Pem, { name, subject, usages, publicKey, life }: Wanted): Promise<string> {
  const issuer = new X509Certificate(authority.cert);
  const names = [
    ...subject.hosts.map((value) => ({ type: "dns" as const, value })),
    ...subject.addresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const certificate = await X509CertificateGenerator.create({
    ...life,
    serialNumber: serial(),
    subject: name,
    issuer: issuer.subject,
    publicKey,
    signingKey: await importPrivate(authority.key),
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return withNewline(certificate.toString("pem"));
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function serial(): string {
  // Positive, and never zero-led: the first byte is between 0x40 and 0x7f.
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return withNewline(PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"));
}

function importPrivate(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function withNewline(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}
