/** Syslog over TLS (RFC 5425) to a receiver of OpenSSL's: counted octets, and whose certificate is believed. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { freePort } from "../../../../tests/fixtures/ports.ts";
import type { DrainRecord } from "../../../domain/drain.ts";
import { syslogMessage } from "./forms.ts";
import { reasonOf } from "./pump.ts";
import { createSender } from "./send.ts";

const run = promisify(execFile);
const openssl = await run("openssl", ["version"]).then(
  () => true,
  () => false,
);

const record = (message: string): DrainRecord => ({
  at: "2026-11-22T03:00:00.000Z",
  host: "a",
  process: "postgres",
  level: "error",
  cluster: "shop",
  member: "shop-1",
  message,
  fields: { statement: "select 'größer' -- 1 < 2\nfrom t" },
});

describe("syslog over TLS", { skip: openssl ? false : "no openssl" }, () => {
  let directory: string;
  const closers: (() => Promise<unknown>)[] = [];
  before(() => (directory = mkdtempSync(join(tmpdir(), "matriarch-syslog-tls-"))));
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const file = (name: string): string => join(directory, name);

  /** Signed by itself, so it is its own authority. */
  async function certificate(name: string, names: string): Promise<{ key: string; cert: string; pem: string }> {
    const [key, cert] = [file(`${name}.key`), file(`${name}.crt`)];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    await run("openssl", [
      ...made,
      "-subj",
      `/CN=${name}`,
      "-addext",
      `subjectAltName=${names}`,
      "-keyout",
      key,
      "-out",
      cert,
    ]);
    return { key, cert, pem: readFileSync(cert, "utf8") };
  }

  /** What it receives stands as it came, for it knows nothing of syslog. */
  async function receiver({ key, cert }: { key: string; cert: string }) {
    const port = await freePort();
    const child = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, "-key", key, "-cert", cert]);
    const gone = once(child, "exit");
    closers.push(() => {
      child.kill("SIGKILL");
      return gone;
    });
    let said = "";
    const heard = Promise.withResolvers<void>();
    let awaited = "";
    const listening = Promise.withResolvers<void>();
    child.stdout.on("data", (part: Buffer) => {
      said += part.toString();
      if (said.includes("ACCEPT")) listening.resolve();
      if (awaited !== "" && said.includes(awaited)) heard.resolve();
    });
    await listening.promise;
    const hears = (text: string): Promise<void> => {
      awaited = text;
      if (said.includes(text)) heard.resolve();
      return heard.promise;
    };
    return { to: `syslog+tls://127.0.0.1:${port}`, hears, said: () => said };
  }
  const sender = (to: string, ca?: string) => {
    const made = createSender({
      id: "d1",
      version: "1",
      cluster: null,
      to,
      level: "info",
      ...(ca === undefined ? {} : { ca }),
    });
    closers.push(async () => made.close());
    return made;
  };

  test("messages come with their length in octets, one after the other on one connection", async () => {
    const own = await certificate("good", "IP:127.0.0.1");
    const { to, hears, said } = await receiver(own);
    const records = [record("first: größer"), record("second"), record("third")];
    const drain = sender(to, own.pem);
    assert.equal(await drain.send(records.slice(0, 2)), 0);
    assert.equal(await drain.send(records.slice(2)), 0);
    const frames = records.map((one) => `${Buffer.byteLength(syslogMessage(one))} ${syslogMessage(one)}`).join("");
    await hears("third");
    assert.ok(said().includes(frames), said());
  });

  test("a receiver of another authority, or with another's name, gets nothing, and it is said why", async () => {
    const [own, other] = [await certificate("own", "DNS:logs.example.com"), await certificate("other", "IP:127.0.0.1")];
    const { to, said } = await receiver(own);
    const refusal = async (ca?: string): Promise<string> => {
      const error: unknown = await sender(to, ca)
        .send([record("for nobody")])
        .then(
          () => assert.fail("it was sent"),
          (reason: unknown) => reason,
        );
      return reasonOf(error);
    };
    assert.match(await refusal(), /^its certificate is not accepted: self-signed certificate \(.*--ca-file\)$/);
    assert.match(await refusal(other.pem), /^its certificate is not accepted: /);
    assert.match(await refusal(own.pem), /^its certificate is not accepted: .*127\.0\.0\.1 is not in the cert/);
    assert.doesNotMatch(said(), /for nobody/);
  });

  test("an authority that is none is refused when the drain is made", () => {
    const broken = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n";
    assert.throws(() => sender("syslog+tls://127.0.0.1:1", "none"), { code: "bad-value" });
    assert.throws(() => sender("syslog+tls://127.0.0.1:1", broken), { code: "bad-value" });
  });
});
