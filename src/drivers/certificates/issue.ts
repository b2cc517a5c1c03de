/**
 * Makes keys and certificates: ECDSA on P-256, as every TLS library of the last ten years takes it. Loaded by ca.ts
 * only when one is due, because the library takes 77 ms to load. The library works only after reflect-metadata.
 */
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
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

export async function issueServer(authority: Pem, subject: Subject, life: Life): Promise<Pem> {
  const keys = await newKeys();
  const issuer = new X509Certificate(authority.cert);
  const certificate = await X509CertificateGenerator.create({
    ...life,
    serialNumber: serial(),
    subject: `CN=${subject.hosts[0] ?? subject.addresses[0] ?? "matriarch"}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importPrivate(authority.key),
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        ...subject.hosts.map((value) => ({ type: "dns" as const, value })),
        ...subject.addresses.map((value) => ({ type: "ip" as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { cert: withNewline(certificate.toString("pem")), key: await privatePem(keys) };
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
