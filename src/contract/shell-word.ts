/** A name as one word of a shell's line, for hints that people copy. Called by the installation and the command line. Pure. */
export function shellWord(name: string): string {
  return /^[\w.@%+:,][\w.@%+:,-]*$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
