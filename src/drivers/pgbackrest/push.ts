/**
 * The script that a member's server runs for each file of its log after the archive on this host has taken it
 * (`offsite`, see drivers/postgres/archive/command.ts). It runs under the open epoch alone. One file at a time and in
 * this process's sight: a pgBackRest that pushes in the background would go on for a member that was deposed.
 */

/** A push that takes longer is tried again; the server keeps the file until then. */
const pushSeconds = 55;

/**
 * A server that is stopped waits for its archiver: so the push ends as soon as the member is halted.
 * @param program and its arguments; the file's path follows
 * @param state directory with the member's permit
 */
export function pushScript(command: readonly string[], state: string): string {
  return `# Written by Matriarch; changes made here are lost. Run with the path and the name of a file of the log.
bound=''
command -v timeout >/dev/null && bound='timeout -k 1 ${pushSeconds}'
$bound ${command.map(word).join(" ")} "$1" >&2 &
push=$!
while kill -0 "$push" 2>/dev/null; do
  sleep 0.1
  permit=''
  read -r permit <${word(`${state}/permit`)}
  [ "$permit" = halt ] && kill "$push"
done 2>/dev/null &
watch=$!
wait "$push"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`;
}

/** For a member that is to push and lacks what it takes: the log is kept until it has it. */
export function refusingScript(reason: string): string {
  return `# Written by Matriarch; changes made here are lost.\necho ${word(reason)} >&2\nexit 1\n`;
}

function word(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
