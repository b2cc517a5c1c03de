/**
 * A member's part in pushing the log: the script that its server runs for each file, and the configuration that the
 * script names. Called by the agent before the member gets its leave to archive, so that no file is passed over.
 */
import { dirname } from "node:path";
import type { BackupWish } from "../../domain/backup.ts";
import type { ServerOwner } from "../postgres/port.ts";
import { readBook } from "./book.ts";
import { PgBackRest } from "./driver.ts";
import type { BackupPlaces } from "./places.ts";
import { findBackupProgram } from "./program.ts";
import { archiveState, pushScript, refusingScript, type PushTo } from "./push.ts";
import { argumentsOf } from "./run.ts";

/** One after the other, as the server hands its log over: more would wait for each other. */
const pushProcesses = 1;
/** The server tries again by itself, and the sooner it is known the better. */
const pushIoSeconds = 5;

export interface PushParts {
  readonly places: BackupPlaces;
  readonly owner: ServerOwner | undefined;
}

export interface PushingMember {
  readonly id: string;
  readonly cluster: string;
  readonly dataDirectory: string;
  readonly port: number;
}

export interface Push {
  /** undefined: there is nowhere to push to */
  readonly script: string | undefined;
  /** otherwise the log is kept, and this is asked again */
  readonly isReady: boolean;
}

export async function preparePush(
  { places, owner }: PushParts,
  wish: BackupWish | undefined,
  member: PushingMember,
): Promise<Push> {
  if (wish === undefined) return { script: undefined, isReady: true };
  try {
    const secrets = (await readBook(places, member.cluster))?.secrets ?? [];
    const parts = {
      places,
      owner,
      processes: pushProcesses,
      ioSeconds: pushIoSeconds,
      signal: new AbortController().signal,
    };
    const { path } = await findBackupProgram();
    const pushes: PushTo[] = [];
    for (const repository of wish.repositories) {
      // Each with a configuration that knows no other: what is wrong with one holds the other up in nothing.
      const alone = { cluster: member.cluster, name: wish.stanza, repositories: [repository], secrets };
      const driver = new PgBackRest(parts, alone);
      const { number } = repository;
      const server = { ...member, socketDirectory: dirname(member.dataDirectory) };
      const config = await driver.writeMemberConfig(server, number);
      pushes.push({
        number,
        command: [path, ...argumentsOf({ config, stanza: wish.stanza, command: "archive-push" })],
      });
    }
    return { script: pushScript(pushes, archiveState(member.dataDirectory)), isReady: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const numbers = wish.repositories.map(({ number }) => number);
    return { script: refusingScript(reason, numbers, archiveState(member.dataDirectory)), isReady: false };
  }
}
