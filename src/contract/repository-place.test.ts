/** Places of repositories as people write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPlace, parsePlace } from "./repository-place.ts";

test("each kind of storage is read, and written back without anything secret", () => {
  const s3 = parsePlace({ to: "s3://bucket/a/b/", endpoint: "https://minio.lan:9000" });
  assert.deepEqual(s3, {
    kind: "s3",
    bucket: "bucket",
    path: "/a/b",
    endpoint: "minio.lan",
    port: 9000,
    region: "us-east-1",
    style: "path",
  });
  assert.equal(formatPlace(s3), "s3://bucket/a/b at minio.lan:9000");
  assert.equal(
    formatPlace(parsePlace({ to: "s3://b", region: "eu-central-1" })),
    "s3://b/ at s3.eu-central-1.amazonaws.com",
  );
  assert.equal(formatPlace(parsePlace({ to: "azure://box/x", account: "acme" })), "azure://box/x of acme");
  const azure = parsePlace({ to: "azure://box/x", account: "acme", endpoint: "localhost:10000", path_style: true });
  assert.deepEqual(azure, {
    kind: "azure",
    account: "acme",
    container: "box",
    path: "/x",
    endpoint: "localhost",
    port: 10_000,
    style: "path",
  });
  assert.equal(formatPlace(azure), "azure://box/x of acme at localhost:10000");
  assert.equal(formatPlace(parsePlace({ to: "gs://box/x" })), "gs://box/x");
  assert.equal(formatPlace(parsePlace({ to: "gs://box/x", endpoint: "fake:4443" })), "gs://box/x at fake:4443");
  const fingerprint = "0".repeat(64);
  assert.equal(formatPlace(parsePlace({ to: "sftp://ada@nas:2222/x", fingerprint })), "sftp://ada@nas:2222/x");
  assert.deepEqual(parsePlace({ to: "/mnt//nas/" }), { kind: "path", path: "/mnt/nas" });
});

test("what cannot be meant is refused, in words", () => {
  const refused: readonly (readonly [Parameters<typeof parsePlace>[0], RegExp])[] = [
    [{ to: "bucket" }, /no place for backups/],
    [{ to: "ftp://host/x" }, /no storage for backups/],
    [{ to: "s3://bucket" }, /needs a region/],
    [{ to: "s3://key:secret@bucket", region: "eu" }, /carries no credentials/],
    [{ to: "s3://bucket", region: "eu", endpoint: "http://minio" }, /over TLS only/],
    [{ to: "s3://bucket", region: "eu", endpoint: "minio/x" }, /is no endpoint/],
    [{ to: "s3://bucket/%0Arepo1-path=x", region: "eu" }, /cannot be used/],
    [{ to: "azure://box" }, /storage account/],
    [{ to: "sftp://nas/x" }, /fingerprint/],
    [{ to: "/mnt/nas", region: "eu" }, /--region has no meaning/],
    [{ to: "gs://box", path_style: true }, /--path-style has no meaning/],
    [{ to: "/mnt/../etc" }, /cannot be used/],
  ];
  for (const [wish, words] of refused) assert.throws(() => parsePlace(wish), words, wish.to);
});
