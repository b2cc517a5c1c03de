/** Databases, users and attached applications of a cluster. Names come in the path, percent-encoded, or in the body. */
import { z } from "zod";

import {
  attachedSchema,
  attachRequestSchema,
  createDatabaseRequestSchema,
  createUserRequestSchema,
  credentialsSchema,
  databaseSchema,
  grantRequestSchema,
  handedOverRequestSchema,
  rotateRequestSchema,
  userSchema,
} from "../../contract/accounts.ts";
import { attachmentSchema } from "../../contract/attachment.ts";
import { demand } from "../access/roles.ts";
import { route } from "../route.ts";

export const accountRoutes = [
  route(
    "POST /v1/clusters/:cluster/attachments",
    {
      id: "attachApp",
      role: "operator",
      does: "Gives an application a database and a user of its own, or completes what was begun.",
      body: attachRequestSchema,
      answer: attachedSchema,
    },
    async ({ path, body, asked, c }, { installation: { accounts } }) => {
      if (body.role === "superuser") demand(c, "admin");
      return accounts.attach(path.cluster, body, asked);
    },
  ),
  route(
    "POST /v1/clusters/:cluster/attachments/:app/handed-over",
    {
      id: "confirmAttachment",
      role: "operator",
      does: "Says that the application has its URI, and where that was written to.",
      body: handedOverRequestSchema,
      answer: attachmentSchema,
    },
    ({ path, body, asked }, { installation: { accounts } }) => accounts.handedOver(path.cluster, path.app, body, asked),
  ),
  route(
    "DELETE /v1/clusters/:cluster/attachments/:app",
    {
      id: "detachApp",
      role: "operator",
      does: "Takes an application its user; the database stays.",
      answer: attachmentSchema,
    },
    ({ path, asked }, { installation: { accounts } }) => accounts.detach(path.cluster, path.app, asked),
  ),
  route(
    "GET /v1/clusters/:cluster/databases",
    {
      id: "listDatabases",
      role: "viewer",
      does: "Gives the databases of a cluster.",
      answer: z.array(databaseSchema).readonly(),
    },
    ({ path }, { installation: { accounts } }) => accounts.databases(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/databases",
    {
      id: "createDatabase",
      role: "operator",
      does: "Makes a database.",
      body: createDatabaseRequestSchema,
      answer: databaseSchema,
    },
    ({ path, body, asked }, { installation: { accounts } }) => accounts.createDatabase(path.cluster, body, asked),
  ),
  route(
    "DELETE /v1/clusters/:cluster/databases/:database",
    {
      id: "dropDatabase",
      role: "admin",
      does: "Ends the sessions of a database and removes it.",
    },
    ({ path, asked }, { installation: { accounts } }) => accounts.dropDatabase(path.cluster, path.database, asked),
  ),
  route(
    "GET /v1/clusters/:cluster/users",
    {
      id: "listUsers",
      role: "viewer",
      does: "Gives the database users of a cluster.",
      answer: z.array(userSchema).readonly(),
    },
    ({ path }, { installation: { accounts } }) => accounts.users(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/users",
    {
      id: "createUser",
      role: "operator",
      does: "Makes a database user; a superuser needs an admin.",
      body: createUserRequestSchema,
      answer: credentialsSchema,
    },
    async ({ path, body, asked, c }, { installation: { accounts } }) => {
      if (body.role === "superuser") demand(c, "admin");
      return accounts.createUser(path.cluster, body, asked);
    },
  ),
  route(
    "DELETE /v1/clusters/:cluster/users/:user",
    {
      id: "dropUser",
      role: "operator",
      does: "Ends the sessions of a user and removes it; what it owns goes to the owners of the databases.",
    },
    ({ path, asked }, { installation: { accounts } }) => accounts.dropUser(path.cluster, path.user, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/users/:user/grant",
    {
      id: "grantUser",
      role: "operator",
      does: "Says what a user may do in a database.",
      body: grantRequestSchema,
      answer: userSchema,
    },
    ({ path, body, asked }, { installation: { accounts } }) => accounts.grant(path.cluster, path.user, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/users/:user/rotate",
    {
      id: "rotatePassword",
      role: "operator",
      does: "Gives a user a new password; the one before is good for a while when asked.",
      body: rotateRequestSchema,
      answer: credentialsSchema,
    },
    ({ path, body, asked }, { installation: { accounts } }) =>
      accounts.rotatePassword(path.cluster, path.user, body.grace_ms, asked),
  ),
];
