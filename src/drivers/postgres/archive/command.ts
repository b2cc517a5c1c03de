/**
 * The program that a member's server runs for each file of its log that is complete (`archive_command`), and the files
 * by which the agent tells it what it may do. They lie in `archive/` beside the data directory:
 *
 *   command   the program, one and the same for all members
 *   permit    timeline (hex) and directory of the archive; "halt" while the server is stopped; not there: not allowed
 *   give-up   there: the local archive takes no more (disk pressure); what it does not take is listed in `missed`
 *   offsite   a shell script, run with the same two arguments after the local archive has taken the file, if it is there
 *   problem   why the last attempt failed; goes with the next success
 *
 * The server's archiver waits for it, and a server that is stopped waits for its archiver: so every step is bounded, and
 * while it is halted it ends with 126, at which the archiver gives up at once instead of trying again for seconds.
 * Source: pgarch_ArchiverCopyLoop() and shell_archive_file() of Postgres 15 to 18.
 */
import { rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ServerOwner } from "../port.ts";
import { makeOwnedDirectory, writeOwnedFile } from "../server/owned-files.ts";

export interface ArchiveFiles {
  readonly directory: string;
  readonly command: string;
  readonly permit: string;
  readonly giveUp: string;
  readonly missed: string;
  readonly offsite: string;
  readonly problem: string;
}

/** Of the member with this data directory. */
export function archiveFilesOf(dataDirectory: string): ArchiveFiles {
  const directory = join(dirname(dataDirectory), "archive");
  const file = (name: string): string => join(directory, name);
  return {
    directory,
    command: file("command"),
    permit: file("permit"),
    giveUp: file("give-up"),
    missed: file("missed"),
    offsite: file("offsite"),
    problem: file("problem"),
  };
}

/** In `problem`: the archive on this host has the file, and what is run after it failed. */
export const offsiteRefused = "the off-site repository did not take it";

/** For postgresql.conf. `%` has a meaning there and is doubled. */
export function archiveSettings(dataDirectory: string): Readonly<Record<string, string>> {
  const command = shellWord(archiveFilesOf(dataDirectory).command).replaceAll("%", "%%");
  // pgBackRest refuses to take a backup where it does not find its name in here.
  return { archive_mode: "on", archive_command: `/bin/sh ${command} "%p" "%f" # and pgbackrest` };
}

export function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Called before each start of the server: what it may do is told anew by the agent. */
export async function installArchiveCommand(dataDirectory: string, owner: ServerOwner | undefined): Promise<void> {
  const files = archiveFilesOf(dataDirectory);
  await makeOwnedDirectory(files.directory, owner);
  await replaceOwned(files.command, archiveProgram(), owner);
}

/** Written whole and renamed: the program may be reading it. */
export async function replaceOwned(path: string, text: string, owner: ServerOwner | undefined): Promise<void> {
  await writeOwnedFile(`${path}.new`, text, owner);
  await rename(`${path}.new`, path);
}

/** From now on the server's archiver gives up at once. Never throws: what it is done for must go on. */
export async function haltArchiving(dataDirectory: string): Promise<void> {
  await writeFile(archiveFilesOf(dataDirectory).permit, "halt\n", { flag: "r+" }).catch(() => undefined);
}

/** Blocks are shared where the file system can, and zeros, of which a segment that was ended early is full, take none. */
const platforms: Readonly<Record<string, { readonly copy: string; readonly sync: string }>> = {
  linux: { copy: "cp -p --reflink=auto --sparse=always", sync: 'sync "$1"' },
};
/** Without `sync` of one file the whole is brought to the disk. */
const elsewhere = { copy: "cp -p", sync: "sync" };

export function archiveProgram(platform: string = process.platform): string {
  const { copy, sync } = platforms[platform] ?? elsewhere;
  return `# Written by Matriarch; changes made here are lost.
path=$1 name=$2 state=\${0%/*}
permit='' directory=''
{ read -r permit; read -r directory; } 2>/dev/null <"$state/permit"
# No step hangs for ever, where the system has the means.
bound=''
command -v timeout >/dev/null && bound='timeout -k 1 30'

fail() {
  echo "$name: $1" 2>/dev/null >"$state/problem"
  echo "matriarch archive: $name: $1" >&2
  exit "\${2:-1}"
}

durable() {
  $bound ${sync} 2>&1 || fail "not brought to the disk"
}

is_there() {
  $bound cmp -s "$path" "$directory/$name" || fail "the archive holds another file of this name; it is left as it is"
}

put() {
  [ -d "$directory" ] || fail "the archive $directory is not there"
  if [ -e "$directory/$name" ]; then
    is_there
  else
    part="$directory/.$name.$$"
    why=$($bound ${copy} "$path" "$part" 2>&1) || { rm -f "$part"; fail "\${why:-not copied within 30 s}"; }
    durable "$part"
    # A link never takes the place of what has come there meanwhile.
    ln "$part" "$directory/$name" 2>/dev/null || is_there
    rm -f "$part"
  fi
  durable "$directory"
}

case $permit in
  halt) fail 'the server is being stopped' 126 ;;
  '') fail 'this member does not hold the open epoch' ;;
esac
timeline=\${name%"\${name#????????}"}
[ $((0x$timeline)) -le $((0x$permit)) ] || fail "timeline $timeline is not of this member's epoch"
if [ -e "$state/give-up" ]; then
  echo "$name" >>"$state/missed" || fail 'what is left out could not be noted'
else
  put
fi
if [ -f "$state/offsite" ]; then
  /bin/sh "$state/offsite" "$path" "$name" || {
    code=$?
    read -r permit 2>/dev/null <"$state/permit"
    [ "$permit" != halt ] || fail 'the server is being stopped' 126
    fail "${offsiteRefused} (exit code $code)"
  }
fi
[ ! -e "$state/problem" ] || rm -f "$state/problem"
exit 0
`;
}
