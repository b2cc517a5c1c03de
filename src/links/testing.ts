/** An authority and certificates for tests: good ones, and such as must be refused. Only tests may import it. */
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

import type { TlsFiles } from "./tls-files.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;
const hourMs = 3_600_000;

export interface TestAuthority {
  readonly caFile: string;
  /** @param subject for example `CN=a,OU=host`; the files are named by `file` */
  issue(file: string, subject: string, options?: { readonly expired?: boolean }): Promise<TlsFiles>;
}

export async function createTestAuthority(directory: string, name = "ca"): Promise<TestAuthority> {
  const keys = await newKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...life(false),
    serialNumber: serial(),
    name: `CN=Test ${name}`,
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const caFile = write(directory, `${name}.crt`, authority.toString("pem"));
  return {
    caFile,
    async issue(file, subject, { expired = false } = {}) {
      const own = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        ...life(expired),
        serialNumber: serial(),
        subject,
        issuer: new X509Certificate(authority.rawData).subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ],
      });
      const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", own.privateKey), "PRIVATE KEY");
      return {
        caFile,
        certFile: write(directory, `${file}.crt`, certificate.toString("pem")),
        keyFile: write(directory, `${file}.key`, key),
      };
    },
  };
}

function write(directory: string, file: string, pem: string): string {
  const path = join(directory, file);
  writeFileSync(path, `${pem.trimEnd()}\n`, { mode: 0o600 });
  return path;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function life(expired: boolean): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 48 * hourMs), notAfter: new Date(now + (expired ? -hourMs : 48 * hourMs)) };
}

function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
