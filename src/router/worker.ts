/**
 * A further thread of the router: it listens on the same ports as the main thread, the kernel shares new connections
 * out among them, and a session stays with the thread that accepted it. Does what the main thread (threads.ts) says
 * and nothing else; its log goes there as well.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Log } from "../links/log.ts";
import { Mailbox, type News } from "./mailbox.ts";
import { Router } from "./router.ts";
import type { Limits } from "./shared.ts";
import { Tally } from "./tally.ts";

/** What a thread is started with. */
export interface ThreadData {
  readonly thread: number;
  readonly version: string;
  readonly limits: Limits;
  readonly tally: SharedArrayBuffer;
}

/** A cancel request has this long in all. */
const cancelMs = 6000;

export function runWorker(): void {
  const data: ThreadData = workerData;
  if (!parentPort) throw new Error("not a thread");
  const log = logBy((news) => mailbox.tell(news), data.thread);
  const router: Router = new Router({
    version: data.version,
    limits: data.limits,
    tally: new Tally(data.tally, data.thread),
    log,
    clientWaits: (news) => mailbox.tell({ kind: "for-agent", news }),
    drained: () => mailbox.tell({ kind: "drained" }),
    cancelElsewhere: async (key) => void (await mailbox.ask({ kind: "cancel", key }, cancelMs)),
  });
  const mailbox: Mailbox = new Mailbox(parentPort, {
    answer: async (question) => {
      if (question.kind === "request") return router.handle(question.request);
      await router.cancel(question.key);
      return undefined;
    },
    hear: () => undefined,
  });
  // A defect in one connection must not end the others.
  process.on("uncaughtException", (error) => log.error("defect", { error, stack: error.stack }));
  process.on("unhandledRejection", (error) => log.error("defect", { error }));
  mailbox.tell({ kind: "ready" });
}

function logBy(tell: (news: News) => void, thread: number): Log {
  const say = (level: "info" | "error") => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    tell({ kind: "log", level, message, fields: { thread, ...fields } });
  return { info: say("info"), error: say("error") };
}
