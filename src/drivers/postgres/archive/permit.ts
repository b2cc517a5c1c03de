/**
 * A member's leave to archive: given by the agent under the open epoch that the member holds, for the timeline of that
 * epoch, and taken away when it holds it no more. It outlives the agent, as the server does.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ServerOwner } from "../port.ts";
import { makeOwnedDirectory } from "../server/owned-files.ts";
import { archiveFilesOf, replaceOwned } from "./command.ts";

export interface ArchivePermit {
  readonly timeline: number;
  /** of the cluster's archive on this host */
  readonly archive: string;
}

/** The archive of a cluster on this host: one directory for each cluster that ever had its name. */
export function archiveDirectory(home: string, cluster: string, systemIdentifier: string): string {
  return join(home, "archives", cluster, systemIdentifier);
}

export async function givePermit(
  dataDirectory: string,
  { timeline, archive }: ArchivePermit,
  owner: ServerOwner | undefined,
): Promise<void> {
  await makeOwnedDirectory(archive, owner);
  await replaceOwned(archiveFilesOf(dataDirectory).permit, `${timeline.toString(16)}\n${archive}\n`, owner);
}

export async function withdrawPermit(dataDirectory: string): Promise<void> {
  await rm(archiveFilesOf(dataDirectory).permit, { force: true });
}
