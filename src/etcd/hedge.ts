/**
 * The same question to several servers: to the next when one fails, and also when it is slow; the first answer counts.
 * Called by client.ts. Knows nothing of etcd.
 */

type Hedged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly unknown[] };

/** @param attempts started in this order; each is aborted when another has answered, or by `signal` */
export async function hedged<T>(
  attempts: readonly ((stop: AbortSignal) => Promise<T>)[],
  slowMs: number,
  signal: AbortSignal,
): Promise<Hedged<T>> {
  const stop = new AbortController();
  const stopped = AbortSignal.any([stop.signal, signal]);
  const { promise, resolve } = Promise.withResolvers<Hedged<T>>();
  const errors: unknown[] = [];
  let [started, timer]: [number, NodeJS.Timeout | undefined] = [0, undefined];
  const failed = (error: unknown): void => {
    errors.push(error);
    next();
    if (errors.length === started) resolve({ ok: false, errors });
  };
  const next = (): void => {
    clearTimeout(timer);
    const attempt = stopped.aborted ? undefined : attempts[started];
    if (!attempt) return;
    started += 1;
    timer = setTimeout(next, slowMs);
    void attempt(stopped).then((value) => resolve({ ok: true, value }), failed);
  };
  next();
  if (started === 0) resolve({ ok: false, errors });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
