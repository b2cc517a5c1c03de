import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ensureServerCertificate } from "./ca.ts";

const dayMs = 24 * 3600 * 1000;
const names = ["localhost", "127.0.0.1", "::1", "Host.example.org"];

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "certificates-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("a certificate for every name, signed by the authority, its key for its owner alone", async () => {
  await inDirectory(async (directory) => {
    const now = Date.now();
    const files = await ensureServerCertificate(directory, names, now);
    const certificate = new X509Certificate(await readFile(files.certFile));
    const authority = new X509Certificate(await readFile(files.caFile));
    assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
    assert.ok(authority.ca && !certificate.ca);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(await readFile(files.keyFile))));
    assert.ok(certificate.checkHost("localhost") && certificate.checkHost("host.example.org"));
    assert.ok(certificate.checkIP("127.0.0.1") && certificate.checkIP("::1"));
    for (const file of [files.keyFile, join(directory, "ca.key")]) assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(files.caFile)).mode & 0o777, 0o644);
    assert.ok(files.renewAt > now + 59 * dayMs && files.renewAt < now + 61 * dayMs);
  });
});

test("kept while it is good, renewed by the same authority after two thirds of its life or for a new name", async () => {
  await inDirectory(async (directory) => {
    const now = Date.now();
    const first = await ensureServerCertificate(directory, names, now);
    const authority = await readFile(first.caFile, "utf8");
    assert.ok(!(await ensureServerCertificate(directory, names, now + 59 * dayMs)).isNew);
    assert.ok((await ensureServerCertificate(directory, names, now + 61 * dayMs)).isNew);
    assert.ok((await ensureServerCertificate(directory, [...names, "10.0.0.1"], now + 61 * dayMs)).isNew);
    assert.equal(await readFile(first.caFile, "utf8"), authority);
  });
});

test("damaged files are made again", async () => {
  await inDirectory(async (directory) => {
    const files = await ensureServerCertificate(directory, names, Date.now());
    await writeFile(files.certFile, "torn");
    assert.ok((await ensureServerCertificate(directory, names, Date.now())).isNew);
    await writeFile(files.caFile, "torn");
    assert.ok((await ensureServerCertificate(directory, names, Date.now())).isNew);
    const certificate = new X509Certificate(await readFile(files.certFile));
    assert.ok(certificate.verify(new X509Certificate(await readFile(files.caFile)).publicKey));
  });
});
