import type { Engine } from "../port.ts";

export interface InstallOptions {
  /** one line for a person, e.g. `installing Postgres 18.4` */
  readonly progress?: (line: string) => void;
  readonly signal: AbortSignal;
}

export function ensureEmbeddedEngine(home: string, major: number, options: InstallOptions): Promise<Engine> {
  throw new Error(`to be written: ${home} ${major} ${options.signal.aborted}`);
}
