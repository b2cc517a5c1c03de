/**
 * The script that a member's server runs for each file of its log after the archive on this host has taken it
 * (`offsite`, see drivers/postgres/archive/command.ts). It runs under the open epoch alone. One file at a time and in
 * this process's sight: a pgBackRest that pushes in the background would go on for a member that was deposed.
 *
 * Of two repositories each has a push of its own. One that does not take a file while the other does is left behind: a
 * file `behind-N` says so, nothing more is pushed there, and the log goes on. It catches up from the archive on this
 * host, whose end is bounded, so that storage that is away neither fills the servers' disk nor holds the other up. While
 * none takes it the server keeps its log, until that is too much: then the agent leaves all of them behind.
 */
import { access, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RepositoryNumber } from "../../domain/backup.ts";
import type { ServerOwner } from "../postgres/port.ts";
import { writeOwn } from "./owned.ts";

/** A push that takes longer is tried again; the server keeps the file until then. */
const pushSeconds = 55;

export interface PushTo {
  readonly number: RepositoryNumber;
  /** the program and its arguments; the file's path follows */
  readonly command: readonly string[];
}

/**
 * A server that is stopped waits for its archiver: so the pushes end as soon as the member is halted.
 * @param state directory with the member's permit
 */
export function pushScript(pushes: readonly PushTo[], state: string): string {
  const isOneOfTwo = pushes.length > 1;
  return `# Written by Matriarch; changes made here are lost. Run with the path and the name of a file of the log.
bound=''
command -v timeout >/dev/null && bound='timeout -k 1 ${pushSeconds}'
halted() {
  permit=''
  read -r permit <${word(`${state}/permit`)}
  [ "$permit" = halt ]
} 2>/dev/null
running() {
  for push in $pushes; do kill -0 "$push" && return 0; done
  return 1
} 2>/dev/null

pushes='' taken='' left='' code=1
${pushes.map((push) => begin(push, state)).join("\n")}
[ -n "$pushes" ] || exit 0
while running; do
  sleep 0.1
  halted && kill $pushes
done 2>/dev/null &
watch=$!
${pushes.map(end).join("\n")}
kill "$watch" 2>/dev/null
[ -z "$taken" ] || [ -n "$left" ] || code=0
${isOneOfTwo ? goOn(state) : ""}exit "$code"
`;
}

function begin({ number, command }: PushTo, state: string): string {
  return `push${number}=''
${isBehind(state, number)} || {
  $bound ${command.map(word).join(" ")} "$1" >&2 &
  push${number}=$!
  pushes="$pushes $push${number}"
}`;
}

function isBehind(state: string, number: RepositoryNumber): string {
  return `[ -e ${word(`${state}/${behindName(number)}`)} ]`;
}

function end({ number }: PushTo): string {
  return `[ -z "$push${number}" ] || {
  wait "$push${number}" && taken=${number} || code=$? left=${number}
}`;
}

/** Only beside a repository that took it: while none does, the server keeps its log, as for one alone. */
function goOn(state: string): string {
  return `if [ -n "$taken" ] && [ -n "$left" ] && ! halted; then
  echo "$2" >${word(`${state}/${behindPrefix}`)}"$left" && code=0
fi
`;
}

const behindPrefix = "behind-";

function behindName(number: RepositoryNumber): string {
  return `${behindPrefix}${number}`;
}

/** Of the member with this data directory: where its permit lies, and this script. */
export function archiveState(dataDirectory: string): string {
  return join(dirname(dataDirectory), "archive");
}

function behindFile(dataDirectory: string, number: RepositoryNumber): string {
  return join(archiveState(dataDirectory), behindName(number));
}

/** The log goes on without this repository: @returns the first file that it was not given, undefined when it is given all. */
export async function behindSince(dataDirectory: string, number: RepositoryNumber): Promise<string | undefined> {
  const said = await readFile(behindFile(dataDirectory, number), "utf8").catch(() => undefined);
  return said?.trim();
}

/** From the next file on it is pushed to again. What it lacks is looked for after that, so that nothing falls between. */
export async function pushAgain(dataDirectory: string, number: RepositoryNumber): Promise<void> {
  await rm(behindFile(dataDirectory, number), { force: true });
}

/**
 * The log goes on without these, from this file on: they get it from the archive on this host. One that is left behind
 * already stays so since then. @returns those that were not yet
 */
export async function leaveBehind(
  dataDirectory: string,
  { numbers, since }: { readonly numbers: readonly RepositoryNumber[]; readonly since: string },
  owner: ServerOwner | undefined,
): Promise<readonly RepositoryNumber[]> {
  const left: RepositoryNumber[] = [];
  for (const number of numbers) {
    const file = behindFile(dataDirectory, number);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    await writeOwn(file, `${since}\n`, owner);
    left.push(number);
  }
  return left;
}

/** For a member that is to push and lacks what it takes: the log is kept until it has it, or until it is too much. */
export function refusingScript(reason: string, numbers: readonly RepositoryNumber[], state: string): string {
  const areBehind = numbers.map((number) => isBehind(state, number)).join(" && ");
  return `# Written by Matriarch; changes made here are lost.\n${areBehind} && exit 0\necho ${word(reason)} >&2\nexit 1\n`;
}

function word(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
