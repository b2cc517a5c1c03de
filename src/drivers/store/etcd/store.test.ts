/**
 * The store's suite on a real etcd: plain, with TLS, and with users; and what etcd adds to a store. On another version
 * than Debian's: MATRIARCH_TEST_ETCD=DIRECTORY, that of etcd and etcdctl; docs/hosts.md says which were tried.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startEtcd, type TestEtcd } from "../../../../tests/fixtures/etcd.ts";
import { noLog } from "../../../log/log.ts";
import { storeSuite } from "../suite.ts";
import { checkEtcd } from "./check.ts";
import { type EtcdStore, type EtcdStoreOptions, openEtcdStore } from "./store.ts";

const atEnd = { after: (end: () => unknown) => after(async () => void (await end())) };

const plain = await startEtcd(atEnd);
const secure = await startEtcd(atEnd, { tls: true, flags: { "client-cert-allowed-hostname": "localhost" } });
const guarded = await startEtcd(atEnd, { flags: { "auth-token-ttl": "1", "bcrypt-cost": "4" } });
const passwordFile = join(guarded.directory, "password");
await addUser(guarded);

let prefixes = 0;
function open(etcd: TestEtcd, more: Partial<EtcdStoreOptions> = {}): EtcdStore {
  prefixes += 1;
  const { endpoints, tls } = etcd;
  return openEtcdStore({ endpoints, prefix: `/our/${prefixes}/`, tls, log: noLog, ...more });
}

const asUser = { user: "matriarch", passwordFile };

for (const [name, etcd, more] of [
  ["etcd", plain, {}],
  ["etcd with TLS", secure, {}],
  ["etcd with users", guarded, asUser],
] as const) {
  storeSuite(name, (t) => {
    const store = open(etcd, more);
    t.after(() => store.close());
    return store;
  });
}

test("etcd with users: a user who is not root is enough, whatever else root alone may ask", () =>
  checkEtcd({ endpoints: guarded.endpoints, tls: undefined, ...asUser }));

async function addUser(etcd: TestEtcd): Promise<void> {
  writeFileSync(passwordFile, "s3cret with blanks\n", { mode: 0o600 });
  await etcd.etcdctl("user", "add", "root:root");
  await etcd.etcdctl("user", "grant-role", "root", "root");
  await etcd.etcdctl("user", "add", "matriarch:s3cret with blanks");
  await etcd.etcdctl("role", "add", "matriarch");
  await etcd.etcdctl("role", "grant-permission", "matriarch", "readwrite", "/our/", "--prefix");
  await etcd.etcdctl("user", "grant-role", "matriarch", "matriarch");
  await etcd.etcdctl("auth", "enable");
}
