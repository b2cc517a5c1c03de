/**
 * What only the agent can tell (figures, checks), asked over its own socket. Called by answer.ts. However many ask at the
 * same time, the agent is asked once, and what it said is good for a moment: no scraper can keep it from its work.
 */
import { request } from "node:http";

const goodForMs = 500;
/** A check has four seconds, and whoever asks for it has the answer within five. */
const answerMs = 4800;
/** Of an agent that has told nothing for a while: it has ended, is frozen, or hangs. */
const silentAnswerMs = 1000;
const bodyBytesMax = 32 * 1024 * 1024;

export interface AgentAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Question {
  readonly socketPath: string;
  readonly path: string;
  /** the agent has told nothing for longer than it ever does */
  readonly isSilent: boolean;
}

export class AgentQuestions {
  readonly #asked = new Map<
    string,
    { readonly answer: Promise<AgentAnswer>; readonly settledAt: () => number | undefined }
  >();

  /** @throws Error when it does not answer */
  ask({ socketPath, path, isSilent }: Question): Promise<AgentAnswer> {
    const known = this.#asked.get(path);
    const settledAt = known?.settledAt();
    if (known && (settledAt === undefined || performance.now() - settledAt < goodForMs)) return known.answer;
    let settled: number | undefined;
    const answer = fetchOnce(socketPath, path, isSilent ? silentAnswerMs : answerMs).finally(() => {
      settled = performance.now();
      setTimeout(() => this.#forget(path, answer), goodForMs).unref();
    });
    this.#asked.set(path, { answer, settledAt: () => settled });
    return answer;
  }

  #forget(path: string, answer: Promise<AgentAnswer>): void {
    if (this.#asked.get(path)?.answer === answer) this.#asked.delete(path);
  }
}

function fetchOnce(socketPath: string, path: string, withinMs: number): Promise<AgentAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal: AbortSignal.timeout(withinMs) }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > bodyBytesMax) asked.destroy(new Error("the answer has no end"));
        else parts.push(part);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 502,
          type: response.headers["content-type"] ?? "text/plain",
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}
