/**
 * pgBackRest's configuration as text: options of the repositories, with their secrets, and of the servers. It goes to
 * files that only the servers' user can read. Pure.
 * Source of the options' names: pgbackrest.org/configuration.html; those used here exist since 2.38, SFTP since 2.46.
 */
import type { Repository } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";
import type { BackupMember, RepositorySecrets, Stanza } from "./port.ts";

/** Names of files beside the configuration that its options point at. */
export interface SecretFile {
  readonly name: string;
  readonly text: string;
}

export interface Rendered {
  readonly text: string;
  readonly files: readonly SecretFile[];
}

export interface RenderRequest {
  readonly stanza: Stanza;
  /** those that a command may touch; the primary need not be first */
  readonly members: readonly BackupMember[];
  /** directory of the files */
  readonly directory: string;
  readonly lockDirectory: string;
  readonly processes: number;
  /** how long a silent store is waited for, each of several times */
  readonly ioSeconds: number;
}

/** Of ours, by the socket; what users do to theirs keeps no backup from being taken. Source: drivers/postgres/provision/template.ts */
const serverRole = "matriarch";

type Options = Readonly<Record<string, string | number | undefined>>;

export function renderConfig({
  stanza,
  members,
  directory,
  lockDirectory,
  processes,
  ioSeconds,
}: RenderRequest): Rendered {
  const repositories = stanza.repositories.map((repository) => {
    const secrets = stanza.secrets.find(({ id }) => id === repository.secrets);
    if (!secrets) throw missingSecrets(stanza.cluster, repository);
    if (repository.encrypted && secrets.key === undefined) throw missingKey(stanza.cluster, repository);
    return renderRepository(repository, secrets, directory);
  });
  const global: Options = {
    "log-level-file": "off",
    "log-level-stderr": "off",
    "lock-path": lockDirectory,
    "io-timeout": ioSeconds,
    "process-max": processes,
    "compress-type": "zst",
    "compress-level": 3,
    "start-fast": "y",
    "resume": "y",
    // What may go is decided by us, as it has to respect what is locked.
    "expire-auto": "n",
  };
  const servers = members.map((member, index) => ({
    [`pg${index + 1}-path`]: member.dataDirectory,
    [`pg${index + 1}-socket-path`]: member.socketDirectory,
    [`pg${index + 1}-port`]: member.port,
    [`pg${index + 1}-user`]: serverRole,
  }));
  return {
    text: [
      section("global", Object.assign({}, global, ...repositories.map(({ options }) => options))),
      section(stanza.name, Object.assign({}, ...servers)),
    ].join("\n"),
    files: repositories.flatMap(({ files }) => files),
  };
}

interface RenderedRepository {
  readonly options: Options;
  readonly files: readonly SecretFile[];
}

function renderRepository(repository: Repository, secrets: RepositorySecrets, directory: string): RenderedRepository {
  const { number, place, encrypted } = repository;
  const file = (suffix: string, text: string): SecretFile => ({ name: `repo${number}.${suffix}`, text });
  const authorities = secrets.authorities === undefined ? undefined : file("ca.crt", secrets.authorities);
  const of = optionsOf(place, secrets, file);
  const own: Options = {
    ...of.options,
    "path": place.path,
    "bundle": "y",
    "cipher-type": encrypted ? "aes-256-cbc" : "none",
    "cipher-pass": encrypted ? secrets.key : undefined,
    "storage-ca-file": authorities && `${directory}/${authorities.name}`,
    // Files that another option points at.
    ...Object.fromEntries(of.files.map(([option, { name }]) => [option, `${directory}/${name}`])),
    // Everything, for pgBackRest: it warns otherwise.
    "retention-full": 9_999_999,
  };
  return {
    options: Object.fromEntries(Object.entries(own).map(([name, value]) => [`repo${number}-${name}`, value])),
    files: [...(authorities ? [authorities] : []), ...of.files.map(([, one]) => one)],
  };
}

interface PlaceOptions {
  readonly options: Options;
  readonly files: readonly (readonly [option: string, file: SecretFile])[];
}

function optionsOf(
  place: Repository["place"],
  { credentials }: RepositorySecrets,
  file: (suffix: string, text: string) => SecretFile,
): PlaceOptions {
  switch (place.kind) {
    case "path":
      return { options: { type: "posix" }, files: [] };
    case "s3":
      return {
        options: {
          "type": "s3",
          "s3-bucket": place.bucket,
          "s3-endpoint": place.endpoint,
          "storage-port": place.port,
          "s3-region": place.region,
          "s3-uri-style": place.style,
          "s3-key-type": credentials.kind === "machine" ? "auto" : "shared",
          ...(credentials.kind === "keys" && {
            "s3-key": credentials.key,
            "s3-key-secret": credentials.secret,
            "s3-token": credentials.token,
          }),
        },
        files: [],
      };
    case "azure":
      return {
        options: {
          "type": "azure",
          "azure-account": place.account,
          "azure-container": place.container,
          "azure-endpoint": place.endpoint,
          "azure-uri-style": place.style,
          "storage-port": place.port,
          ...(credentials.kind === "azure-key" && { "azure-key": credentials.key }),
          ...(credentials.kind === "azure-sas" && { "azure-key": credentials.token, "azure-key-type": "sas" }),
        },
        files: [],
      };
    case "gcs":
      return {
        options: {
          "type": "gcs",
          "gcs-bucket": place.bucket,
          "gcs-endpoint": place.endpoint,
          "storage-port": place.port,
          "gcs-key-type": credentials.kind === "machine" ? "auto" : "service",
        },
        files: credentials.kind === "gcs-account" ? [["gcs-key", file("gcs.json", credentials.json)]] : [],
      };
    case "sftp":
      return {
        options: {
          "type": "sftp",
          "sftp-host": place.host,
          "sftp-host-port": place.port,
          "sftp-host-user": place.user,
          "sftp-host-key-hash-type": "sha256",
          "sftp-host-key-check-type": "fingerprint",
          "sftp-host-fingerprint": place.fingerprint,
        },
        files: credentials.kind === "private-key" ? [["sftp-private-key-file", file("sftp.key", credentials.key)]] : [],
      };
  }
}

function section(name: string, options: Options): string {
  const lines = Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [`${option}=${oneLine(option, String(value))}`],
  );
  return [`[${name}]`, ...lines, ""].join("\n");
}

/** Whoever gave a value is told at the edge; this keeps what slipped through from becoming another option. */
function oneLine(option: string, value: string): string {
  if (value !== "" && !/[\n\r\0]/.test(value)) return value;
  throw new OpError("bad-value", { message: `the value of "${option}" is empty or has more than one line` });
}

/** It was the user's alone, and went with the cluster. */
function missingKey(cluster: string, { number }: Repository): OpError {
  return new OpError("backup-secrets-missing", {
    message: `the key of repository ${number} of "${cluster}" is not kept here`,
    detail: "It was shown once, when backups were enabled.",
    hint: `Give it: matriarch backup connect ${cluster} --key-file FILE --to … (as it was enabled)`,
  });
}

function missingSecrets(cluster: string, { number }: Repository): OpError {
  return new OpError("backup-secrets-missing", {
    message: `this host does not have the credentials of repository ${number} of "${cluster}"`,
    hint: `Give them again: matriarch backup enable ${cluster} --number ${number} …`,
  });
}
