/** The options that say where a repository is, and the request that they make. Shared by `backup enable` and `backup connect`. */
import { Option } from "@commander-js/extra-typings";

import type { ConnectWish } from "../../contract/backups.ts";
import { parsePlace } from "../../contract/repository-place.ts";
import { countArgument } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { findCredentials, readText } from "./credentials.ts";

export const repositoryNumber = () =>
  new Option("--number <number>", "which of the two repositories (default: 1)").argParser(countArgument(1, 2));

export interface RepositoryOptions {
  readonly to: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: true | undefined;
  readonly account?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly ca?: string | undefined;
  readonly credentials?: string | undefined;
  readonly machineRole?: true | undefined;
  readonly keyFile?: string | undefined;
  /** commander's form of --no-encryption */
  readonly encryption: boolean;
  readonly escrow?: true | undefined;
  readonly number?: number | undefined;
}

export const repositoryNotes = `
Where to: s3://BUCKET/PATH, azure://CONTAINER/PATH, gs://BUCKET/PATH, sftp://USER@HOST/PATH, or a path that every host
with a member sees. Credentials come from --credentials FILE (lines NAME=VALUE; for gs:// a service account's JSON, for
sftp:// a private key), else from the usual variables (AWS_ACCESS_KEY_ID, AZURE_STORAGE_KEY, …), else from a prompt.`;

/** Everything is read and checked here before the agent is asked. */
export async function repositoryRequest(context: CommandContext, options: RepositoryOptions): Promise<ConnectWish> {
  const { to, endpoint, region, account, fingerprint, pathStyle, ca, keyFile, encryption, escrow, number } = options;
  const place = {
    to,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(account === undefined ? {} : { account }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(pathStyle === undefined ? {} : { path_style: pathStyle }),
  };
  const { kind } = parsePlace(place);
  return {
    ...place,
    ...(number === 2 ? { number: 2 } : {}),
    credentials: await findCredentials(context, kind, options),
    ...(ca === undefined ? {} : { authorities: await readText(ca) }),
    ...(keyFile === undefined ? {} : { key: (await readText(keyFile)).trim() }),
    encrypt: encryption,
    escrow: escrow ?? false,
  };
}
