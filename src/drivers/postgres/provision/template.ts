import type { Engine, ServerOwner } from "../port.ts";

export interface Template {
  /** a data directory, cleanly stopped */
  readonly directory: string;
  readonly engine: Engine;
}

export function ensureTemplate(
  home: string,
  engine: Engine,
  owner: ServerOwner | undefined,
  signal: AbortSignal,
): Promise<Template> {
  throw new Error(`to be written ${home} ${engine.major} ${owner?.name} ${signal.aborted}`);
}
