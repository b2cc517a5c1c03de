/**
 * Where a repository lies, as people write it: `s3://bucket/path` and the like, with options beside it. Read here for the
 * command line and the agent alike, and written back without anything secret.
 */
import type { RepositoryPlace } from "../domain/backup.ts";
import { OpError } from "../errors/op-error.ts";

export interface PlaceWish {
  readonly to: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly path_style?: boolean | undefined;
  readonly account?: string | undefined;
  readonly fingerprint?: string | undefined;
}

const forms =
  "s3://BUCKET/PATH, azure://CONTAINER/PATH, gs://BUCKET/PATH, sftp://USER@HOST/PATH or a path like /mnt/backups";

/** @throws OpError bad-value, with what is missing or too much */
export function parsePlace(wish: PlaceWish): RepositoryPlace {
  if (wish.to.startsWith("/")) return { kind: "path", path: pathOf(wish.to, only(wish, [])) };
  const url = URL.canParse(wish.to) ? new URL(wish.to) : undefined;
  if (url === undefined || url.hostname === "") throw bad(`"${wish.to}" is no place for backups`, `Write ${forms}.`);
  if (url.password !== "" || url.search !== "")
    throw bad("a place carries no credentials", "They come from --credentials, the environment or a prompt.");
  const path = pathOf(decodeURIComponent(url.pathname), wish);
  switch (url.protocol) {
    case "s3:": {
      const { endpoint, port } = endpointOf(only(wish, ["endpoint", "region", "path_style"]));
      const region = wish.region ?? (endpoint === undefined ? undefined : "us-east-1");
      if (region === undefined)
        throw bad("an S3 repository needs a region", "Give --region, for example eu-central-1.");
      return {
        kind: "s3",
        bucket: url.hostname,
        path,
        endpoint: endpoint ?? `s3.${region}.amazonaws.com`,
        ...(port === undefined ? {} : { port }),
        region,
        // Storage of one's own seldom has a name for each bucket.
        style: (wish.path_style ?? endpoint !== undefined) ? "path" : "host",
      };
    }
    case "azure:": {
      const { account } = only(wish, ["account", "endpoint", "path_style"]);
      if (account === undefined) throw bad("an Azure repository needs the storage account", "Give --account.");
      const style = wish.path_style ? "path" : "host";
      return { kind: "azure", account, container: url.hostname, path, ...endpointOf(wish), style };
    }
    case "gs:":
    case "gcs:": {
      return { kind: "gcs", bucket: url.hostname, path, ...endpointOf(only(wish, ["endpoint"])) };
    }
    case "sftp:": {
      const { fingerprint = "" } = only(wish, ["fingerprint"]);
      if (!/^[0-9a-f]{64}$/.test(fingerprint))
        throw bad(
          "an SFTP repository needs the fingerprint of the server's key",
          "Give --fingerprint, 64 hex digits: ssh-keyscan -t ed25519 HOST | awk '{print $3}' | base64 -d | sha256sum",
        );
      const port = url.port === "" ? {} : { port: Number(url.port) };
      return { kind: "sftp", host: url.hostname, ...port, user: url.username || "backup", path, fingerprint };
    }
    case "file:":
      return { kind: "path", path };
    default:
      throw bad(`"${url.protocol}//" is no storage for backups`, `Write ${forms}.`);
  }
}

export function formatPlace(place: RepositoryPlace): string {
  switch (place.kind) {
    case "s3":
      return `s3://${place.bucket}${place.path}${at(place)}`;
    case "azure":
      return `azure://${place.container}${place.path} of ${place.account}${at(place)}`;
    case "gcs":
      return `gs://${place.bucket}${place.path}${at(place)}`;
    case "sftp":
      return `sftp://${place.user}@${place.host}${portOf(place)}${place.path}`;
    case "path":
      return place.path;
  }
}

function at(place: { readonly endpoint?: string; readonly port?: number }): string {
  return place.endpoint === undefined ? "" : ` at ${place.endpoint}${portOf(place)}`;
}

function portOf({ port }: { readonly port?: number }): string {
  return port === undefined ? "" : `:${port}`;
}

const optionNames = ["endpoint", "region", "path_style", "account", "fingerprint"] as const;
type OptionName = (typeof optionNames)[number];

/** Refuses options that another kind of storage has. */
function only(wish: PlaceWish, allowed: readonly OptionName[]): PlaceWish {
  for (const name of optionNames)
    if (wish[name] !== undefined && !allowed.includes(name))
      throw bad(`--${name.replace("_", "-")} has no meaning for "${wish.to}"`);
  return wish;
}

function pathOf(text: string, { to }: PlaceWish): string {
  const path = `/${text.split("/").filter(Boolean).join("/")}`;
  if (!/^[\w./ +=@-]*$/.test(path) || path.split("/").includes(".."))
    throw bad(`the path of "${to}" cannot be used`, "It may have letters, digits and . _ - + = @ in it.");
  return path;
}

function endpointOf({ endpoint: text }: PlaceWish): { readonly endpoint?: string; readonly port?: number } {
  if (text === undefined) return {};
  if (/^http:/i.test(text))
    throw bad("storage is reached over TLS only", "Give an https endpoint; --ca names an authority of your own.");
  const url = URL.canParse(`https://${text.replace(/^https:\/\//i, "")}`)
    ? new URL(`https://${text.replace(/^https:\/\//i, "")}`)
    : undefined;
  if (!url || url.pathname !== "/" || url.username !== "")
    throw bad(`"${text}" is no endpoint`, "Write HOST or HOST:PORT.");
  return { endpoint: url.hostname, ...(url.port === "" ? {} : { port: Number(url.port) }) };
}

function bad(message: string, hint?: string): OpError {
  return new OpError("bad-value", { message, ...(hint === undefined ? {} : { hint }) });
}
