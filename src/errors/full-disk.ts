/**
 * Whether an error says that a file system has no room: of Node, of SQLite, or in the words of a tool that was run. Called
 * where errors are told to people, so that a full disk is told as one wherever it is met. Pure.
 */
import { OpError } from "./op-error.ts";

/** Words of the C library, the same in every tool and in Postgres. */
const words = /No space left on device|Disk quota exceeded/;
/** Source: sqlite.org/rescode.html */
const sqliteFull = 13;
const ownRecords = "The agent's own records cannot be written";

export function tellsNoRoom(text: string): boolean {
  return words.test(text);
}

/** @returns the failure in our words; undefined: it is something else */
export function asFullDisk(error: unknown): OpError | undefined {
  if (!(error instanceof Error) || error instanceof OpError || !isFull(error)) return undefined;
  return new OpError("operation-failed", {
    message: "there is no room left on the disk",
    detail: `${error.message.split("\n").find(tellsNoRoom)?.trim() ?? ownRecords}.`,
    hint: "Free some room and give the same command again.",
    cause: error,
  });
}

function isFull(error: Error): boolean {
  if ("code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) return true;
  if ("errcode" in error && typeof error.errcode === "number") return (error.errcode & 0xff) === sqliteFull;
  return tellsNoRoom(error.message);
}
