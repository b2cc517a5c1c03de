/** The databases and users of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { AccountsInstallation, Credentials, DatabaseStatus, UserStatus } from "../../src/contract/accounts.ts";
import type { Asked } from "../../src/contract/asked.ts";
import type { AttachmentStatus } from "../../src/contract/attachment.ts";
import type { ClusterStatus, Connection } from "../../src/contract/cluster.ts";
import { plainName } from "../../src/domain/attachment.ts";
import { OpError } from "../../src/errors/op-error.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly update: (cluster: string, change: Partial<ClusterStatus>) => void;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly connectionOf: (port: number, user: string, database: string, password: string | null) => Connection;
}

const orders: DatabaseStatus = {
  name: "orders",
  owner: "orders_owner",
  size_bytes: 8_000_000,
  encoding: "UTF8",
  collation: "C",
  sessions: 2,
  users: [{ user: "ada", role: "reader" }],
  attachments: [],
};
const ada: UserStatus = {
  name: "ada",
  superuser: false,
  databases: [{ database: "orders", role: "reader" }],
  logins: [{ name: "ada", valid_until: null }],
  sessions: 1,
  attachments: [],
};

export function createMemoryAccounts({ find, update, record, connectionOf }: Around): AccountsInstallation {
  const made: DatabaseStatus[] = [];
  const credentials = (cluster: string, user: string, database: string): Credentials => ({
    connection: connectionOf(find(cluster).endpoints.primary.port, user, database, "n3w"),
    previous_until: null,
  });
  const attachmentOf = (cluster: string, app: string): AttachmentStatus => {
    const found = find(cluster).attachments.find((attachment) => attachment.app === app);
    if (found) return found;
    throw new OpError("attachment-not-found", { message: `"${app}" is not attached to cluster "${cluster}"` });
  };
  const others = (cluster: string, app: string) => find(cluster).attachments.filter((found) => found.app !== app);
  return {
    async attach(cluster, request, asked) {
      const { app, role = "owner", variable = "DATABASE_URL" } = request;
      find(cluster);
      record("attach", asked, cluster, request);
      const attachment: AttachmentStatus = {
        app,
        database: request.database ?? plainName(app),
        user: request.user ?? plainName(app),
        role,
        state: "made",
        variable,
        env_file: null,
        pooled: request.pooled === true,
        by: asked.by,
        created_at: new Date(0).toISOString(),
      };
      update(cluster, { attachments: [...others(cluster, app), attachment] });
      return { ...credentials(cluster, attachment.user, attachment.database), attachment };
    },
    async handedOver(cluster, app, request) {
      const attached = { ...attachmentOf(cluster, app), ...request, state: "attached" as const };
      update(cluster, { attachments: [...others(cluster, app), attached] });
      return attached;
    },
    async detach(cluster, app, asked) {
      const attachment = attachmentOf(cluster, app);
      record("detach", asked, cluster, app);
      update(cluster, { attachments: others(cluster, app) });
      return attachment;
    },
    databases: async (cluster) => (find(cluster), [orders, ...made]),
    async createDatabase(cluster, request, asked) {
      record("createDatabase", asked, cluster, request);
      const database = { ...orders, name: request.name };
      made.push(database);
      return database;
    },
    async dropDatabase(cluster, database, asked) {
      if (database !== orders.name)
        throw new OpError("database-not-found", { message: `database "${database}" does not exist` });
      record("dropDatabase", asked, cluster, database);
    },
    users: async (cluster) => (find(cluster), [ada]),
    async createUser(cluster, request, asked) {
      record("createUser", asked, cluster, request);
      return credentials(cluster, request.name, request.database ?? "postgres");
    },
    async grant(cluster, user, request, asked) {
      record("grant", asked, cluster, user, request);
      return ada;
    },
    async dropUser(cluster, user, asked) {
      if (user !== ada.name) throw new OpError("user-not-found", { message: `user "${user}" does not exist` });
      record("dropUser", asked, cluster, user);
    },
    async rotatePassword(cluster, user, graceMs, asked) {
      find(cluster);
      record("rotatePassword", asked, cluster, user, graceMs);
      return credentials(cluster, user, "postgres");
    },
  };
}
