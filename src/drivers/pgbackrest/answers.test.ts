/** pgBackRest's own words, as 2.45 said them, and what is made of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Repository } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";
import { renderConfig } from "./config.ts";
import { readInfo } from "./info.ts";
import { failureOf, problemOf } from "./problems.ts";
import { isOlder, refuseTooOld } from "./program.ts";
import { missingSegments, readVerification } from "./verification.ts";

const repository: Repository = {
  number: 1,
  place: { kind: "s3", bucket: "b", path: "/p", endpoint: "s3.lan", port: 9000, region: "eu", style: "path" },
  encrypted: true,
  escrow: false,
  secrets: "s",
};
const secrets = { id: "s", key: "the key", credentials: { kind: "keys", key: "AK", secret: "SK" } } as const;
const stanza = { cluster: "shop", name: "shop", repositories: [repository], secrets: [secrets] };
const rendering = { members: [], directory: "/d", lockDirectory: "/l", processes: 2, ioSeconds: 20 };

test("info: a repository with backups, and one that does not answer, in one answer", () => {
  const second = { ...repository, number: 2 as const };
  const [one, two] = readInfo(info, [repository, second]);
  assert.equal(one?.problem, undefined);
  assert.equal(one?.newestSegment, "000000010000000000000008");
  // Larger than what a number of JSON holds.
  assert.equal(one?.databases[0]?.systemIdentifier, "7710808084854892909");
  const [backup] = one?.backups ?? [];
  assert.equal(backup?.kind, "full");
  assert.equal(backup?.full, "20261122-015957F");
  assert.equal(backup?.operation, "abc");
  assert.equal(backup?.lockedUntil, Date.parse("2027-01-01T00:00:00Z"));
  assert.deepEqual(backup?.proof, { at: Date.parse("2026-11-22T02:00:00.000Z"), how: "verified", isGood: true });
  assert.equal(two?.problem?.kind, "unreachable");
  assert.equal(two?.problem?.text, "the storage answers 500: Internal Server Error");
  assert.throws(() => readInfo("nonsense", [repository]), OpError);
});

test("problems: a kind, and words without requests, garbage or secrets", () => {
  const request = `ERROR: [039]: HTTP request failed with 404 (Not Found):
*** Path/Query ***:
GET /nope/?delimiter=%2F
*** Request Headers ***:
authorization: <redacted>
<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>`;
  assert.deepEqual(problemOf(request), {
    kind: "refused",
    text: "the storage answers 404 (Not Found): NoSuchBucket: The specified bucket does not exist",
  });
  const garbage =
    "[FormatError] unable to load info file\nFormatError: key/value found outside of section at line 1: \u0007x";
  assert.deepEqual(problemOf(garbage), { kind: "wrong-key", text: "what is in it cannot be read with this key" });
  const refused = "[HostConnectError] unable to connect to 'localhost:18998': [111] Connection refused";
  assert.equal(problemOf(refused).kind, "unreachable");
  assert.equal(problemOf("missing stanza path").kind, "no-stanza");
  assert.equal(problemOf("unable to write '/r/x'").kind, "full");
  const locked = failureOf("backup", 50, "ERROR: [050]: unable to acquire lock on file '/l/shop-backup.lock'");
  assert.equal(locked.code, "busy");
  const closed = failureOf(
    "info",
    41,
    "ERROR: [041]: unable to create path '/mnt/nas/archive': [13] Permission denied",
  );
  assert.match(closed.hint ?? "", /servers' user/);
});

test("configuration: all that a repository needs, and nothing that is more than a line", () => {
  const { text, files } = renderConfig({
    ...rendering,
    stanza: { ...stanza, secrets: [{ ...secrets, authorities: "PEM" }] },
  });
  for (const line of [
    "repo1-s3-key-secret=SK",
    "repo1-cipher-pass=the key",
    "repo1-storage-port=9000",
    "repo1-storage-ca-file=/d/repo1.ca.crt",
  ])
    assert.ok(text.split("\n").includes(line), line);
  assert.deepEqual(files, [{ name: "repo1.ca.crt", text: "PEM" }]);
  const evil = { ...secrets, key: "a\nrepo1-path=/etc" };
  assert.throws(() => renderConfig({ ...rendering, stanza: { ...stanza, secrets: [evil] } }), /more than one line/);
  assert.throws(
    () => renderConfig({ ...rendering, stanza: { ...stanza, secrets: [] } }),
    /does not have the credentials/,
  );
  const { key: _, ...withoutKey } = secrets;
  assert.throws(
    () => renderConfig({ ...rendering, stanza: { ...stanza, secrets: [withoutKey] } }),
    /key of repository 1/,
  );
});

test("verify: each verdict once, what is damaged by name, gaps in the log", () => {
  const said = `INFO: invalid checksum '20261122-015336F/pg_data/base/5/2838.gz'
stanza: shop
status: error
  archiveId: 15-1, total WAL checked: 5, total valid WAL: 5
  backup: 20261122-015336F, status: invalid, total files checked: 964, total valid files: 963
stanza: shop
  archiveId: 15-1, total WAL checked: 5, total valid WAL: 5
  backup: 20261122-015336F, status: invalid, total files checked: 964, total valid files: 963
`;
  assert.deepEqual(readVerification(1, said, []), {
    repository: 1,
    backups: [{ label: "20261122-015336F", isGood: false }],
    damaged: ["invalid checksum '20261122-015336F/pg_data/base/5/2838.gz'"],
    segments: 5,
  });
  assert.throws(() => readVerification(1, "", []), /no verdict/);
  const sum = "a".repeat(40);
  const names = ["0000000100000000000000FE", "000000010000000100000001", "000000020000000100000003"].map(
    (name) => `x/${name}-${sum}.zst`,
  );
  assert.deepEqual(missingSegments(names), [
    "missing from the log: 0000000100000000000000FF to 000000010000000100000000",
  ]);
});

test("versions: what is too old for a major or for a kind of storage is refused", () => {
  assert.ok(
    isOlder("2.45", "2.46") && !isOlder("2.46", "2.46") && !isOlder("2.100", "2.57") && isOlder("2.46", "2.46.1"),
  );
  refuseTooOld({ version: "2.45" }, { major: 15, places: [] });
  assert.throws(() => refuseTooOld({ version: "2.45" }, { major: 18, places: [] }), /Postgres 18 needs 2\.57/);
  const sftp = { kind: "sftp", host: "h", user: "u", path: "/p", fingerprint: "" } as const;
  assert.throws(() => refuseTooOld({ version: "2.45" }, { major: 15, places: [sftp] }), /SFTP needs 2\.46/);
  refuseTooOld({ version: "2.59.1" }, { major: 18, places: [sftp] });
});

const info = `[{"archive":[{"database":{"id":1,"repo-key":1},"id":"15-1","max":"000000010000000000000008","min":"000000010000000000000007"}],
"backup":[{"annotation":{"operation":"abc","locked-until":"2027-01-01T00:00:00Z","proof":"2026-11-22T02:00:00.000Z verified good"},
"archive":{"start":"000000010000000000000008","stop":"000000010000000000000008"},"backrest":{"format":5,"version":"2.45"},"database":{"id":1,"repo-key":1},
"error":false,"info":{"delta":23066387,"repository":{"delta":2841968,"size":2841968},"size":23066387},"label":"20261122-015957F",
"lsn":{"start":"0/8000028","stop":"0/8000100"},"prior":null,"reference":null,"timestamp":{"start":1795312797,"stop":1795312800},"type":"full"}],
"cipher":"aes-256-cbc","db":[{"id":1,"repo-key":1,"system-id":7710808084854892909,"version":"15"}],"name":"shop",
"repo":[{"cipher":"aes-256-cbc","key":1,"status":{"code":0,"message":"ok"}},
{"cipher":"none","key":2,"status":{"code":99,"message":"[ServiceError] [500] Internal Server Error"}}],"status":{"code":4,"message":"different across repos"}}]`;
