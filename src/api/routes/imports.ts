/** Imports of databases from elsewhere: checked, begun, looked at, ended. The source's password comes in the body alone. */
import { z } from "zod";

import { operationSchema } from "../../contract/cluster.ts";
import {
  abandonRequestSchema,
  cutoverRequestSchema,
  importChecksSchema,
  importRequestSchema,
  importStatusSchema,
} from "../../contract/imports.ts";
import { route } from "../route.ts";

export const importRoutes = [
  route(
    "GET /v1/clusters/:cluster/imports",
    {
      id: "listImports",
      role: "viewer",
      does: "Gives the imports that run or have left something.",
      answer: z.array(importStatusSchema).readonly(),
    },
    ({ path }, { installation: { imports } }) => imports.list(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/imports",
    {
      id: "beginImport",
      role: "operator",
      does: "Brings a database from elsewhere into the cluster.",
      body: importRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { imports } }) => imports.begin(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/imports/check",
    {
      id: "checkImport",
      role: "operator",
      does: "Looks at the source and says what stands in the way; changes nothing.",
      body: importRequestSchema,
      answer: importChecksSchema,
    },
    ({ path, body }, { installation: { imports } }) => imports.check(path.cluster, body),
  ),
  route(
    "POST /v1/clusters/:cluster/imports/cutover",
    {
      id: "cutOverImport",
      role: "operator",
      does: "Ends a live import: the last changes arrive, and the database is the cluster's own.",
      body: cutoverRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { imports } }) => imports.cutover(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/imports/abandon",
    {
      id: "abandonImport",
      role: "operator",
      does: "Ends an import and leaves nothing of it.",
      body: abandonRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { imports } }) => imports.abandon(path.cluster, body, asked),
  ),
];
