/**
 * Client certificates with a role for callers from other machines: made, listed, revoked, and recognized. Only those that
 * are written down here are let in, so that one can be taken back before its end; recognizing never waits for the store.
 * A host without the authority's key asks one that has it. Made by the agent's entry; `isGood` is part of the API's gate.
 */
import { X509Certificate } from "node:crypto";

import {
  createdCertificateSchema,
  type CertificatesInstallation,
  type CreatedCertificate,
  type UserCertificate,
  type UserCertificateRequest,
} from "../contract/certificates.ts";
import type { Asked } from "../contract/installation.ts";
import { hostPorts, type HostRecord } from "../domain/host.ts";
import { fingerprintOf } from "../drivers/certificates/files.ts";
import { issueUserCertificate, readAuthority, type Authority } from "../drivers/certificates/host.ts";
import { accessCertificates, type AccessCertificateRecord } from "../drivers/store/access-records.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import { askSigner, type SignerParts } from "./hosts/ask-signer.ts";
import { atPort } from "./hosts/reach.ts";
import { KnownRecords } from "./known-records.ts";

const idLength = 12;

export interface CertificatesParts extends SignerParts {
  readonly store: Store;
  readonly home: string;
  readonly wallNow: () => number;
  /** told when the store could not be read; what was read last stays */
  readonly trouble: (error: unknown) => void;
}

export class AccessCertificates implements CertificatesInstallation {
  readonly #parts: CertificatesParts;
  readonly #known: KnownRecords<AccessCertificateRecord>;

  constructor(parts: CertificatesParts) {
    const { store, trouble } = parts;
    this.#parts = parts;
    const read = (signal: AbortSignal) => accessCertificates.read(store, signal);
    this.#known = new KnownRecords({ store, prefix: accessCertificates.prefix, read, trouble });
  }

  /** Begins to read and to watch; returns when they were read, or could not be. */
  start(signal: AbortSignal): Promise<void> {
    return this.#known.start(signal);
  }

  /** @param fingerprint as TLS says it. @returns false for one that is unknown or was revoked; TLS has looked at its dates */
  isGood({ fingerprint }: { readonly fingerprint: string }): boolean {
    const plain = fingerprint.replaceAll(":", "").toLowerCase();
    return this.#known.get(plain.slice(0, idLength))?.fingerprint === plain;
  }

  async list(): Promise<readonly UserCertificate[]> {
    const records = await accessCertificates.read(this.#parts.store);
    return records.toSorted((a, b) => a.createdAt - b.createdAt).map((record) => this.#told(record));
  }

  async create(request: UserCertificateRequest, asked: Asked): Promise<CreatedCertificate> {
    const authority = await readAuthority(this.#parts.home);
    if (authority) return this.#issue(authority, request, asked);
    const call = { method: "POST", path: "/v1/certificates", body: request, as: { ...asked, role: "admin" } } as const;
    return createdCertificateSchema.parse(await askSigner(this.#parts, call));
  }

  async revoke(id: string): Promise<void> {
    const { store } = this.#parts;
    if (!(await accessCertificates.read(store)).some((record) => record.id === id)) {
      throw new OpError("certificate-not-found", {
        message: `there is no certificate "${id}"`,
        hint: "See what there is with: matriarch certificate list",
      });
    }
    await accessCertificates.remove(store, id);
    this.#known.remove(id);
  }

  async #issue(
    authority: Authority,
    { name, role, expires_ms: lifeMs }: UserCertificateRequest,
    asked: Asked,
  ): Promise<CreatedCertificate> {
    const now = this.#parts.wallNow();
    refuseLongerThan(authority, now + lifeMs);
    // A store that is away is found out before it may have been written to.
    await accessCertificates.read(this.#parts.store);
    const { cert, key } = await issueUserCertificate(authority, { name, role, lifeMs }, now);
    const fingerprint = fingerprintOf(cert);
    const record: AccessCertificateRecord = {
      id: fingerprint.slice(0, idLength),
      name,
      role,
      fingerprint,
      createdAt: now,
      createdBy: asked.by,
      expiresAt: now + lifeMs,
    };
    await accessCertificates.add(this.#parts.store, record);
    this.#known.add(record);
    const hosts = this.#parts.hosts().map(urlOf);
    return { ...this.#told(record), certificate: cert, key, ca: authority.cert, hosts };
  }

  #told({ id, name, role, fingerprint, createdAt, createdBy, expiresAt }: AccessCertificateRecord): UserCertificate {
    return {
      id,
      name,
      role,
      fingerprint,
      created_at: new Date(createdAt).toISOString(),
      created_by: createdBy,
      expires_at: new Date(expiresAt).toISOString(),
      expired: expiresAt <= this.#parts.wallNow(),
    };
  }
}

function urlOf({ address, basePort }: HostRecord): string {
  return `https://${atPort(address, hostPorts(basePort).api)}`;
}

function refuseLongerThan({ cert }: Authority, end: number): void {
  const { validTo } = new X509Certificate(cert);
  if (end <= Date.parse(validTo)) return;
  throw new OpError("bad-value", {
    message: "the certificate would outlive the authority that signs it",
    detail: `The authority's own certificate ends ${validTo}.`,
    hint: "Give a shorter --expires.",
  });
}
