/** What the hosts that carry a cluster's members have, and installing what they lack. Called by the others of this folder. */
import { z } from "zod";
import {
  contentsAnswerSchema,
  engineAsked,
  engineMeant,
  type ContentsAnswer,
  type ContentsRequest,
} from "../../contract/peer.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { readContents } from "../../drivers/postgres/extensions/contents.ts";
import { installPackage, lookForPackage } from "../../drivers/postgres/extensions/packages.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

const askMs = 30_000;
/** Of an engine that is not there yet: it is fetched first. */
const engineMs = 600_000;
const installMs = 20 * 60_000;

export type FoundExtension = ContentsAnswer["extensions"][number];
export type PackageOutlook = ContentsAnswer["packages"][number];

export interface HostContents {
  readonly host: string;
  readonly members: readonly string[];
  /** undefined: its agent does not answer */
  readonly contents: ContentsAnswer | undefined;
}

/** What another agent asks of this one (PeerApi.contents). */
export async function contentsHere(
  { servers }: Pick<Parts, "servers">,
  { engine: asked, packages }: ContentsRequest,
): Promise<ContentsAnswer> {
  const { major } = asked;
  const engine = await servers.engine(engineMeant(asked), () => undefined, AbortSignal.timeout(engineMs));
  const { extensions, libraries } = await readContents(engine);
  return {
    extensions: [...extensions.values()].map(({ requires, library, ...same }) => ({
      ...same,
      requires: [...requires],
      library: library ?? null,
    })),
    libraries: [...libraries],
    packages: await Promise.all(
      packages.map(async (extension) => {
        const { mayInstall, ...outlook } = await lookForPackage(extension, major);
        return { extension, ...outlook, may_install: mayInstall };
      }),
    ),
  };
}

/** Of every host with a member; one that does not answer is there without contents. */
export async function contentsOf(
  parts: Parts,
  { spec, members }: ClusterRecord,
  packages: readonly string[],
): Promise<readonly HostContents[]> {
  const request = { engine: engineAsked(spec.value), packages: [...packages] };
  const records = Object.values(members).map(({ value }) => value);
  const hosts = parts.hosts.self ? [...new Set(records.map(({ host }) => host))] : [parts.hostName];
  return Promise.all(
    hosts.map(async (host) => ({
      host,
      members: records.filter((member) => !parts.hosts.self || member.host === host).map(({ id }) => id),
      contents: await contentsOn(parts, host, request),
    })),
  );
}

/** @returns undefined when its agent does not answer */
export async function contentsOn(
  parts: Parts,
  host: string,
  request: ContentsRequest,
): Promise<ContentsAnswer | undefined> {
  if (isSelf(parts, host)) return contentsHere(parts, request);
  try {
    const body = { ...request };
    const answer = await parts.hosts.call(host, {
      method: "POST",
      path: "/v1/peer/contents",
      body,
      deadlineMs: askMs,
    });
    return parseAnswer(host, answer);
  } catch (error) {
    if (error instanceof OpError && (error.code === "host-unreachable" || error.code === "interrupted"))
      return undefined;
    throw error;
  }
}

function parseAnswer(host: string, answer: unknown): ContentsAnswer {
  const parsed = contentsAnswerSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new OpError("host-unreachable", {
    message: `the agent of host "${host}" gave an answer that does not fit`,
    detail: `${z.prettifyError(parsed.error)}.`,
    hint: "It may be of another version: see matriarch host list.",
  });
}

/** @throws OpError install-failed */
export async function installOn(parts: Parts, host: string, extension: string, major: number): Promise<void> {
  if (isSelf(parts, host)) return void (await installPackage(extension, major));
  const body = { extension, major };
  await parts.hosts.call(host, { method: "POST", path: "/v1/peer/install", body, deadlineMs: installMs });
}

function isSelf({ hosts, hostName }: Parts, host: string): boolean {
  return hosts.self === undefined || host === hostName;
}
