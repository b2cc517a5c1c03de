import type { ServerOwner } from "../port.ts";
import type { Template } from "./template.ts";

export interface CreateRequest {
  readonly template: Template;
  readonly owner: ServerOwner | undefined;
  /** data directories that do not exist yet; their parents are made */
  readonly directories: readonly string[];
  /** of an existing cluster; a new one is drawn otherwise */
  readonly systemIdentifier?: bigint;
  readonly signal: AbortSignal;
}

/** @returns the system identifier that all of them carry */
export function createDirectories(request: CreateRequest): Promise<bigint> {
  throw new Error(`to be written ${request.directories.length}`);
}
