/** Certificates of hosts and users: what they say, who accepts them in a real TLS connection, and what is refused. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, createServer } from "node:tls";

import { ensureAuthority } from "./ca.ts";
import { factsOf, fingerprintOf, replaceFile } from "./files.ts";
import {
  checkHostCertificate,
  hostCertificateFiles,
  installHostCertificate,
  issueUserCertificate,
  makeHostRequest,
  readAuthority,
  requestFingerprint,
  signHost,
  type Authority,
} from "./host.ts";

const dayMs = 24 * 3600 * 1000;

async function inHome(body: (home: string, authority: Authority) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "certificates-"));
  try {
    await ensureAuthority(join(home, "ca"), Date.now());
    const authority = await readAuthority(home);
    assert.ok(authority);
    await body(home, authority);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function certify(home: string, authority: Authority, name: string, now = Date.now()): Promise<string> {
  const request = await makeHostRequest(home, name);
  return signHost(authority, { request, name, address: "127.0.0.2" }, now);
}

test("a host's certificate says who it is, under every name it is reached by, for both directions", async () => {
  await inHome(async (home, authority) => {
    const now = Date.now();
    const cert = await certify(home, authority, "db-1", now);
    const facts = await installHostCertificate(home, cert);
    assert.equal(facts.name, "db-1");
    assert.equal(facts.role, "host");
    assert.ok(facts.renewAt > now + 59 * dayMs && facts.renewAt < now + 61 * dayMs);
    const certificate = new X509Certificate(cert);
    for (const ip of ["127.0.0.2", "127.0.0.1", "::1"]) assert.ok(certificate.checkIP(ip), ip);
    for (const host of ["db-1", "localhost"]) assert.ok(certificate.checkHost(host), host);
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    assert.equal((await stat(hostCertificateFiles(home).keyFile)).mode & 0o777, 0o600);
    assert.equal((await checkHostCertificate(home, now)).keyFingerprint, facts.keyFingerprint);
  });
});

test("the key stays the same when a request is made again: a host is known by it", async () => {
  await inHome(async (home, authority) => {
    const [first, second] = [await makeHostRequest(home, "db-1"), await makeHostRequest(home, "db-1")];
    const fingerprint = await requestFingerprint(first);
    assert.equal(await requestFingerprint(second), fingerprint);
    assert.equal(factsOf(new X509Certificate(await certify(home, authority, "db-1")))?.keyFingerprint, fingerprint);
  });
});

test("hosts and users with certificates of one authority talk to each other by mutual TLS; strangers do not", async () => {
  await inHome(async (home, authority) => {
    await inHome(async (_elsewhere, stranger) => {
      await installHostCertificate(home, await certify(home, authority, "db-1"));
      const files = hostCertificateFiles(home);
      const [cert, key] = [await readFile(files.certFile), await readFile(files.keyFile)];
      const server = createServer(
        { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
        (socket) => socket.end(String(socket.getPeerCertificate().subject.OU)),
      ).listen(0, "127.0.0.1");
      server.on("tlsClientError", () => {});
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const ask = async (client: { cert: string; key: string }): Promise<string> => {
        const socket = connect({ port, host: "127.0.0.1", ca: authority.cert, ...client });
        let said = "";
        for await (const chunk of socket) said += String(chunk);
        return said;
      };
      const user = (from: Authority) =>
        issueUserCertificate(from, { name: "ada", role: "viewer", lifeMs: 3_600_000 }, Date.now());
      try {
        assert.equal(await ask(await user(authority)), "viewer");
        assert.equal(await ask({ cert: String(cert), key: String(key) }), "host");
        // With TLS 1.3 a server's refusal may reach the client as a plain end.
        const said = await ask(await user(stranger)).catch(() => "");
        assert.equal(said, "");
      } finally {
        server.close();
      }
    });
  });
});

test("refused: another authority's, another key's, damaged, expired", async () => {
  await inHome(async (home, authority) => {
    await inHome(async (elsewhere, stranger) => {
      const good = await certify(home, authority, "db-1");
      await certify(elsewhere, stranger, "db-1");
      const refused = { code: "bad-certificate" };
      await assert.rejects(installHostCertificate(home, await certify(home, stranger, "db-1")), refused);
      await assert.rejects(installHostCertificate(home, await certify(elsewhere, authority, "db-1")), refused);
      await assert.rejects(installHostCertificate(home, "torn"), refused);
      await assert.rejects(checkHostCertificate(home, Date.now()), refused, "there is none yet");
      await installHostCertificate(home, good);
      await assert.rejects(checkHostCertificate(home, Date.now() + 91 * dayMs), { message: /expired/ });
      await replaceFile(hostCertificateFiles(home).caFile, stranger.cert, 0o644);
      await assert.rejects(checkHostCertificate(home, Date.now()), refused);
      assert.notEqual(fingerprintOf(authority.cert), fingerprintOf(stranger.cert));
    });
  });
});

test("refused: a request that was changed on its way, a key file that is none", async () => {
  await inHome(async (home) => {
    const request = await makeHostRequest(home, "db-1");
    const at = Math.floor(request.length / 2);
    const other = request[at] === "A" ? "B" : "A";
    const changed = request.slice(0, at) + other + request.slice(at + 1);
    await assert.rejects(requestFingerprint(changed), { code: "bad-certificate" });
    await assert.rejects(requestFingerprint("nothing"), { code: "bad-certificate" });
    await writeFile(hostCertificateFiles(home).keyFile, "torn");
    await assert.rejects(makeHostRequest(home, "db-1"), { code: "bad-certificate" });
  });
});

test("a user's name cannot smuggle another role into the subject", async () => {
  await inHome(async (_home, authority) => {
    for (const name of ["ada, OU=admin", "ada+OU=admin", "", "a\nb"])
      await assert.rejects(issueUserCertificate(authority, { name, role: "viewer", lifeMs: 3_600_000 }, Date.now()), {
        code: "bad-value",
      });
  });
});
