/** Credentials in files, in the forms that people have them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readCredentials } from "./credentials.ts";

test("lines of names and values, as in an environment or in the storage's own file", () => {
  const keys = { kind: "keys", key: "AK", secret: "S=K" };
  assert.deepEqual(readCredentials("s3", "AWS_ACCESS_KEY_ID=AK\nexport AWS_SECRET_ACCESS_KEY='S=K'\n"), keys);
  assert.deepEqual(readCredentials("s3", "[default]\naws_access_key_id = AK\naws_secret_access_key = S=K\n"), keys);
  assert.deepEqual(readCredentials("s3", "AWS_ACCESS_KEY_ID=AK\nAWS_SECRET_ACCESS_KEY=x\nAWS_SESSION_TOKEN=t"), {
    kind: "keys",
    key: "AK",
    secret: "x",
    token: "t",
  });
  assert.deepEqual(readCredentials("azure", 'AZURE_STORAGE_KEY="abc=="'), { kind: "azure-key", key: "abc==" });
  assert.deepEqual(readCredentials("azure", "AZURE_STORAGE_SAS_TOKEN=sv=1&sig=2"), {
    kind: "azure-sas",
    token: "sv=1&sig=2",
  });
});

test("documents, and what is none", () => {
  const account = '{"type":"service_account","private_key":"x","client_email":"y"}';
  assert.deepEqual(readCredentials("gcs", `${account}\n`), { kind: "gcs-account", json: account });
  assert.equal(readCredentials("gcs", "{}"), undefined);
  assert.equal(
    readCredentials("sftp", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----")?.kind,
    "private-key",
  );
  assert.equal(readCredentials("sftp", "x"), undefined);
  assert.equal(readCredentials("s3", "AWS_ACCESS_KEY_ID=AK"), undefined);
});
