/** The options that say where a repository is, and the request that they make. Shared by `backup enable` and `backup connect`. */
import { Option } from "@commander-js/extra-typings";

import type { ConnectWish } from "../../contract/backups.ts";
import { parsePlace, type PlaceWish } from "../../contract/repository-place.ts";
import { OpError } from "../../errors/op-error.ts";
import { countArgument } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { findCredentials, readText } from "./credentials.ts";

export const repositoryNumber = () =>
  new Option("--number <number>", "which of the two repositories (default: 1)").argParser(countArgument(1, 2));

export const endpoint = () => new Option("--endpoint <host>", "of the storage, HOST or HOST:PORT (S3, Azure, GCS)");
export const region = () => new Option("--region <region>", "of an S3 bucket");
export const pathStyle = () =>
  new Option("--path-style", "bucket or account in the path (S3: default where --endpoint is given; Azure)");
export const account = () => new Option("--account <name>", "Azure's storage account");
export const fingerprint = () => new Option("--fingerprint <hex>", "SHA-256 of the SFTP server's key");
export const authorities = () =>
  new Option("--ca <file>", "certificates of the authority that the storage's certificate is of");
export const credentials = () => new Option("--credentials <file>", "file with the credentials");
export const machineRole = () => new Option("--machine-role", "the machine's own role opens it (S3, GCS)");

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
  const { ca, keyFile, encryption, escrow, number } = options;
  const place = placeOf(options);
  const { kind } = parsePlace(place);
  return {
    ...place,
    ...(number === 2 ? { number: 2 } : {}),
    credentials: await findCredentials(context, kind, options),
    ...(ca === undefined ? {} : { authorities: await readText(ca) }),
    ...(keyFile === undefined ? {} : { key: await readKey(keyFile) }),
    encrypt: encryption,
    escrow: escrow ?? false,
  };
}

/** As `backup enable` printed it. */
async function readKey(file: string): Promise<string> {
  const key = (await readText(file)).trim();
  if (/^\S.{14,4094}\S$/.test(key)) return key;
  throw new OpError("bad-value", {
    message: `"${file}" holds no key of a repository`,
    detail: "That is one line of at least 16 characters.",
    hint: "backup enable printed it once; where it was kept here: matriarch backup key.",
  });
}

function placeOf({ to, ...given }: RepositoryOptions): PlaceWish {
  return {
    to,
    ...(given.endpoint === undefined ? {} : { endpoint: given.endpoint }),
    ...(given.region === undefined ? {} : { region: given.region }),
    ...(given.account === undefined ? {} : { account: given.account }),
    ...(given.fingerprint === undefined ? {} : { fingerprint: given.fingerprint }),
    ...(given.pathStyle === undefined ? {} : { path_style: given.pathStyle }),
  };
}
