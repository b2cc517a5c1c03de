/** What a server that recovers runs to get a file of its log (`restore_command`): looks through directories, in order. */
import { shellWord } from "./command.ts";

/**
 * For the settings of a server that we start to recover. A file that is being written may be taken half: recovery ends
 * where its records do. A timeline's last segment, archived as partial, serves where nothing else does: it ends where the timeline was
 * left. A history without rows is none, it only keeps a number from being used.
 * @param sources directories that the server's user may read, best first
 */
export function restoreCommand(sources: readonly string[]): string {
  const directories = sources.map(shellWord).join(" ");
  return `/bin/sh -c ${shellWord(fetchProgram)} fetch "%f" "%p" ${directories.replaceAll("%", "%%")}`;
}

const fetchProgram = [
  "name=$1 to=$2",
  "shift 2",
  'for file in "$name" "$name.partial"',
  "do for from",
  'do [ -f "$from/$file" ] || continue',
  'case $name in *.history) grep -q "^[[:space:]]*[0-9]" "$from/$file" || continue ;; esac',
  'cp "$from/$file" "$to" && exit 0',
  "done",
  "done",
  "exit 1",
].join("; ");
