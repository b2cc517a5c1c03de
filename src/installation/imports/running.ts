/** The imports that this agent carries out now, so that one can be given up. Kept in memory: the next agent has none. */

const running = new Map<string, AbortController>();

/** Also aborts when the agent ends. */
export function register(operation: string, agent: AbortSignal): AbortSignal {
  const controller = new AbortController();
  running.set(operation, controller);
  return AbortSignal.any([controller.signal, agent]);
}

export function forget(operation: string): void {
  running.delete(operation);
}

/** @returns false when this agent does not carry it out */
export function giveUp(operation: string): boolean {
  const controller = running.get(operation);
  controller?.abort();
  return controller !== undefined;
}

export function isRunningHere(operation: string): boolean {
  return running.has(operation);
}
