/** What the API may ask about databases, users and attached applications, each delegated to where it is done. */
import type { AccountsInstallation } from "../../contract/accounts.ts";
import type { Parts } from "../parts.ts";
import { attach, detach, handedOver } from "./attach.ts";
import { createDatabase, listDatabases, removeDatabase } from "./databases.ts";
import { createUser, grantRole, listUsers, removeUser, rotatePassword } from "./users.ts";

export function createAccounts(parts: Parts): AccountsInstallation {
  return {
    attach: (cluster, request, asked) => attach(parts, cluster, request, asked),
    handedOver: (cluster, app, request) => handedOver(parts, cluster, app, request),
    detach: (cluster, app, asked) => detach(parts, cluster, app, asked),
    databases: (cluster) => listDatabases(parts, cluster),
    createDatabase: (cluster, request, asked) => createDatabase(parts, cluster, request, asked),
    dropDatabase: (cluster, database, asked) => removeDatabase(parts, cluster, database, asked),
    users: (cluster) => listUsers(parts, cluster),
    createUser: (cluster, request, asked) => createUser(parts, cluster, request, asked),
    grant: (cluster, user, request, asked) => grantRole(parts, cluster, user, request, asked),
    dropUser: (cluster, user, asked) => removeUser(parts, cluster, user, asked),
    rotatePassword: (cluster, user, graceMs, asked) => rotatePassword(parts, cluster, user, graceMs, asked),
  };
}
