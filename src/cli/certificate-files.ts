/**
 * The files of a new client certificate. Called by `certificate create`. Whether they can be written is looked at before
 * one is made; what is there is never overwritten, and the key is for its owner alone.
 */
import { accessSync, constants, existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { CreatedCertificate } from "../contract/certificates.ts";
import { OpError } from "../errors/op-error.ts";

export interface CertificateFiles {
  readonly cert_file: string;
  readonly key_file: string;
  readonly ca_file: string;
}

/** @throws OpError bad-value when one is there already, or the directory cannot be written */
export function filesFor(directory: string, name: string): CertificateFiles {
  const at = resolve(directory);
  const file = (ending: string) => join(at, `${name.replaceAll("/", "_")}${ending}`);
  const files = { cert_file: file(".crt"), key_file: file(".key"), ca_file: file(".ca.crt") };
  const there = Object.values(files).find((path) => existsSync(path));
  if (there !== undefined) {
    throw new OpError("bad-value", {
      message: `"${there}" is there already`,
      hint: "Move it away, or give another --directory.",
    });
  }
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new OpError("bad-value", {
      message: `nothing can be written in "${at}"`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: "Give another --directory.",
      cause,
    });
  }
  return files;
}

export function writeFiles(
  { cert_file, key_file, ca_file }: CertificateFiles,
  { certificate, key, ca }: CreatedCertificate,
): void {
  writeFileSync(key_file, key, { flag: "wx", mode: 0o600 });
  writeFileSync(cert_file, certificate, { flag: "wx", mode: 0o644 });
  writeFileSync(ca_file, ca, { flag: "wx", mode: 0o644 });
}
