/** Events about extensions, their libraries and the packages that bring them. See catalog.ts. */
import { define, list } from "./kind.ts";

export const extensionEvents = {
  "extension.enabled": define<{ extension: string; database: string; version: string; also: readonly string[] }>(
    "info",
    "A database has one extension more, or a library is loaded for all of them.",
    (e) => {
      const also = e.also.length === 0 ? "" : `, with ${list(e.also)}`;
      return e.database === ""
        ? `library "${e.extension}" is loaded`
        : `extension "${e.extension}" ${e.version} enabled in database "${e.database}"${also}`;
    },
  ),
  "extension.disabled": define<{ extension: string; database: string; with: readonly string[] }>(
    "warning",
    "An extension was removed from a database, with what is named, because somebody asked for it.",
    (e) => {
      const gone = e.with.length === 0 ? "" : `, with ${list(e.with)}`;
      return e.database === ""
        ? `library "${e.extension}" is loaded no more`
        : `extension "${e.extension}" disabled in database "${e.database}"${gone}`;
    },
  ),
  "extension.updated": define<{ extension: string; database: string; from: string; to: string }>(
    "info",
    "An extension has another version, because somebody asked for it.",
    (e) => `extension "${e.extension}" in database "${e.database}" updated from ${e.from} to ${e.to}`,
  ),
  "extension.installed": define<{ extension: string; host: string; command: string }>(
    "info",
    "A package that brings an extension was installed on a host, because somebody allowed it.",
    (e) => `package of "${e.extension}" installed on host "${e.host}": ${e.command}`,
  ),
  "library.missing": define<{ libraries: readonly string[] }>(
    "error",
    "A server starts without a library that it should load, because its host lacks it. What needs the library fails there, and everywhere once this member is primary. Install it there, then give `matriarch extension enable` again.",
    (e) => `"${e.member}" starts without ${list(e.libraries)}: its host lacks it`,
  ),
  "member.not-placed": define<{ reason: string }>(
    "error",
    "A lost member is not replaced yet, because the host that could take it lacks what the cluster uses. It is tried again until that is installed there.",
    (e) => `a lost member is not replaced: ${e.reason}`,
  ),
} as const;
