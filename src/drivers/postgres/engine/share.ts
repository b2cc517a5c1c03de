/** One run at a time of work that several callers may want at once: an install, a template. */
import { OpError } from "../../../errors/op-error.ts";

/**
 * Joins the run under way for `key`, or begins one. Its failure is everyone's; but when whoever began it has cancelled
 * it, the next one begins anew.
 */
export async function shareWork<T>(
  underWay: Map<string, Promise<T>>,
  key: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let running = underWay.get(key); running !== undefined; running = underWay.get(key)) {
    try {
      return await running;
    } catch (error) {
      if (error instanceof OpError) throw error;
      signal.throwIfAborted();
    }
  }
  const started = work().finally(() => underWay.delete(key));
  underWay.set(key, started);
  return started;
}
