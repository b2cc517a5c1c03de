/** What `cp` says of files that come and go under a running server. Called by copy-files.ts. Pure. */

const replaced = /^cp: skipping file '([^']+)', as it was replaced while being copied$/;

/**
 * @param said with messages of the C locale
 * @returns the files that it left out because another one had taken their place: renamed there by the server, as it does with
 *   maps and caches. What vanished is made good by the log. Undefined when something else went wrong
 * Source: coreutils, src/copy.c; told when the file that is open is not the one that was looked at.
 */
export function replacedWhileCopied(said: string): readonly string[] | undefined {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const others = lines.filter((line) => !line.endsWith("No such file or directory"));
  const paths = others.flatMap((line) => replaced.exec(line)?.[1] ?? []);
  return lines.length > 0 && paths.length === others.length ? paths : undefined;
}
