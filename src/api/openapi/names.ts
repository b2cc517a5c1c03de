/**
 * Names of the contract's schemas in the OpenAPI document: `clusterStatusSchema` is ClusterStatus. A schema of a file that
 * is not named here stands in the document where it is used, so a new file of the contract is a line here.
 */
import { z } from "zod";

import * as accounts from "../../contract/accounts.ts";
import * as attachment from "../../contract/attachment.ts";
import * as certificates from "../../contract/certificates.ts";
import * as cluster from "../../contract/cluster.ts";
import * as downtime from "../../contract/downtime.ts";
import * as drains from "../../contract/drains.ts";
import * as error from "../../contract/error.ts";
import * as extensions from "../../contract/extensions.ts";
import * as host from "../../contract/host.ts";
import * as imports from "../../contract/imports.ts";
import * as logs from "../../contract/logs.ts";
import * as proof from "../../contract/proof.ts";
import * as requests from "../../contract/requests.ts";
import * as scale from "../../contract/scale.ts";
import * as settings from "../../contract/settings.ts";
import * as storage from "../../contract/storage.ts";
import * as tokens from "../../contract/tokens.ts";
import * as upgrade from "../../contract/upgrade.ts";

// prettier-ignore
const files = [
  accounts, attachment, certificates, cluster, downtime, drains, error, extensions, host, imports, logs, proof, requests, scale,
  settings, storage, tokens, upgrade,
];

/** Queries are parameters, each of its own. */
const isNamed = /^([a-z]\w*)Schema$/;

/** For objects alone: a number or a text says itself what it is. */
export function nameSchemas(): ReadonlyMap<z.ZodType, string> {
  const names = new Map<z.ZodType, string>();
  for (const [key, schema] of files.flatMap((file) => Object.entries<unknown>({ ...file }))) {
    const name = isNamed.exec(key)?.[1];
    if (name === undefined || name.endsWith("Query") || !(schema instanceof z.ZodObject) || names.has(schema)) continue;
    names.set(schema, name.charAt(0).toUpperCase() + name.slice(1));
  }
  return names;
}
