/**
 * The API's contract against a real agent with a real cluster: requests that are made from the OpenAPI document, good and
 * bad, of every kind of caller, are answered as the document says and never with a 500; and neither they nor a thousand
 * silent, slow or half-open connections harm the loop that keeps the database up.
 *
 *   MATRIARCH_API_RUNS=100 MATRIARCH_API_SEED=7 ./test tests/user/api-contract.test.ts
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";

import { existsSync } from "node:fs";

import { etcdPath } from "../fixtures/etcd.ts";
import { until } from "../faults/until.ts";
import { NetworkAgent, roles, type Answer, type Sent } from "./api/agent.ts";
import { casesOf, type Case, type Document, type Operation, type Response } from "./api/cases.ts";
import { misfits } from "./api/schema.ts";

/** Requests for each operation; a few in every run of the tests, more when somebody asks for them. */
const runs = Number(process.env["MATRIARCH_API_RUNS"] ?? 3);
const seed = Number(process.env["MATRIARCH_API_SEED"] ?? Date.now() % 1_000_000);
const atOnce = 4;

describe("the API's contract", { skip: existsSync(etcdPath) ? false : "there is no etcd" }, () => {
  let agent: NetworkAgent;
  let document: Document;
  let pid: number | undefined;

  before(
    async () => {
      agent = await NetworkAgent.make();
      pid = agent.installation.agentPid;
      document = JSON.parse((await agent.json("viewer", "GET", "/openapi.json")).text) as Document;
    },
    { timeout: 180_000 },
  );
  after(() => agent?.[Symbol.asyncDispose](), { timeout: 60_000 });

  test("every answer is in the document, and none is a defect", { timeout: 3_600_000 }, async (t) => {
    const since = Date.now();
    let count = 0;
    const cases = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        fc
          .sample(casesOf(path, method, operation, document), { seed: seed + (count += 1), numRuns: runs })
          .map((one) => ({ one, operation })),
      ),
    );
    const problems: string[] = [];
    const counts = new Map<number, number>();
    const work = cases.values();
    const worker = async (): Promise<void> => {
      for (const { one, operation } of work) {
        const answer = await send(agent, one);
        counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
        for (const problem of problemsOf(one, operation, answer, document))
          problems.push(
            `${operation.operationId}, ${one.about}: ${one.method} ${one.path.slice(0, 200)} ${one.body?.subarray(0, 200).toString() ?? ""}\n  ${problem}\n  ${answer.text.slice(0, 300)}`,
          );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker)).catch(async (error: unknown) => {
      const log = (await agent.installation.log()).split("\n").slice(-25).join("\n");
      throw new Error(`MATRIARCH_API_SEED=${seed} MATRIARCH_API_RUNS=${runs}; the agent's log ends with:\n${log}`, {
        cause: error,
      });
    });
    const seen = [...counts].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    t.diagnostic(`${cases.length} requests, MATRIARCH_API_SEED=${seed} MATRIARCH_API_RUNS=${runs}; ${seen.join(", ")}`);
    t.diagnostic(`the agent's loop was late by at most, in each second: ${agent.delays(since).join(" ")} ms`);
    assert.deepEqual(problems.slice(0, 20), [], `replay with MATRIARCH_API_SEED=${seed} MATRIARCH_API_RUNS=${runs}`);
    assert.equal(agent.installation.agentPid, pid, "the agent ended");
  });

  test(
    "a change is done once, also when the agent ends in between; one for an old generation is refused",
    { timeout: 120_000 },
    async () => {
      await settle(agent);
      const key = { "idempotency-key": `k-${seed}` };
      const events = "/v1/clusters/shop/events/stream";
      const [, seen = ""] = /^id: (.*)$/m.exec((await agent.json("viewer", "GET", `${events}?limit=1`)).text) ?? [];
      const first = await agent.json("operator", "POST", "/v1/clusters/shop/databases", { name: "once" }, key);
      assert.equal(first.status, 200, first.text);
      await agent.restart();
      pid = agent.installation.agentPid;
      await settle(agent);
      const again = await agent.json("operator", "POST", "/v1/clusters/shop/databases", { name: "once" }, key);
      assert.deepEqual(
        [again.status, again.text, again.headers["idempotent-replayed"]],
        [first.status, first.text, "true"],
      );
      const resumed = await agent.json("viewer", "GET", events, undefined, { "last-event-id": seen });
      assert.match(resumed.text, /^data: .*"type":"database.created".*"once"/m, "the stream goes on where it was");
      const other = await agent.json("operator", "POST", "/v1/clusters/shop/databases", { name: "twice" }, key);
      assert.equal(other.status, 422);

      const { generation } = JSON.parse((await agent.json("viewer", "GET", "/v1/clusters/shop")).text) as {
        generation: number;
      };
      const ifMatch = { "if-match": `"${generation}"` };
      const idle = { idle_ms: 86_400_000 };
      assert.equal((await agent.json("operator", "POST", "/v1/clusters/shop/autostop", idle, ifMatch)).status, 200);
      const late = await agent.json("operator", "POST", "/v1/clusters/shop/autostop", { idle_ms: null }, ifMatch);
      assert.equal(late.status, 412);
      assert.match(late.text, /autostopMs: not set before, 86400000 now/);
    },
  );

  test(
    "a thousand connections that say nothing, little, or half: they end, and nobody waits",
    { timeout: 120_000 },
    async (t) => {
      await settle(agent);
      const quietSince = Date.now();
      await sleep(3000);
      const since = Date.now();
      const silent = await Promise.all(Array.from({ length: 700 }, () => agent.silent()));
      const secured = [];
      for (let count = 0; count < 10; count += 1)
        secured.push(...(await Promise.all(Array.from({ length: 30 }, () => agent.secured()))));
      const [slow, half] = [secured.slice(0, 20), secured.slice(20, 40)];
      for (const socket of slow) {
        socket.write("POST /v1/clusters HTTP/1.1\r\nhost: a\r\n");
        const drip = setInterval(() => socket.write("x: y\r\n"), 500).unref();
        socket.once("close", () => clearInterval(drip));
      }
      for (const socket of half) socket.end("POST /v1/clusters HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{");
      const all = [...silent, ...secured];
      const open = (): number => all.filter((socket) => !socket.closed && !socket.destroyed).length;
      const longest = await answersWhile(agent, () => open() > 0 && Date.now() - since < 60_000);
      t.diagnostic(`an answer took at most ${longest} ms meanwhile; all were cut off after ${Date.now() - since} ms`);
      t.diagnostic(
        `the loop was late, before: ${agent
          .delays(quietSince)
          .filter((_, index) => index < 3)
          .join(" ")}; with them: ${agent.delays(since).join(" ")} ms`,
      );
      assert.equal(open(), 0);
      assert.equal(agent.installation.agentPid, pid);
      const write = await agent.json("operator", "POST", "/v1/clusters/shop/databases", { name: "afterwards" });
      assert.equal(write.status, 200, write.text);
    },
  );
});

async function send(agent: NetworkAgent, { headers = {}, ...one }: Case): Promise<Answer> {
  const role = roles.find((name) => name === one.who);
  const shown = role ? agent.bearer(role) : badHeaders[one.who];
  const sent: Sent = { ...one, headers: { ...headers, ...shown } };
  for (;;) {
    const answer = await agent.send(sent).catch((error: unknown): Answer => cutOff(one, error));
    if (answer.status !== 429) return answer;
    assert.ok(Number(answer.headers["retry-after"]) >= 1, "429 without Retry-After");
    if (!role) return answer;
    await sleep(Number(answer.headers["retry-after"]) * 1000);
  }
}

const badHeaders: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "wrong token": { authorization: "Bearer mtr_0_no" },
  "odd header": { authorization: "Basic eDp5" },
};

/** Of a body that is far too large nobody reads the rest; an answer may be lost with it. */
function cutOff({ body, method, path }: Sent, error: unknown): Answer {
  const isLarge = (body?.length ?? 0) > 1024 * 1024;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (isLarge && (code === "EPIPE" || code === "ECONNRESET"))
    return { status: 413, type: "cut off", headers: {}, text: "" };
  throw new Error(`no answer to ${method} ${path}`, { cause: error });
}

function problemsOf(one: Case, operation: Operation, answer: Answer, document: Document): readonly string[] {
  const { status, type, text } = answer;
  if (type === "cut off") return [];
  if (one.method === "OPTIONS" || one.isOtherMethod)
    return [401, 404, 405, 413, 429].includes(status) ? [] : [`another method is answered with ${status}`];
  const wrongly = passedWrongly(one, operation, status);
  if (wrongly !== undefined) return [wrongly];
  if (status === 500) return [`a defect: ${text}`];
  const { responses, schemas } = document.components;
  const said = operation.responses[String(status)];
  if (said === undefined) return [`${status} is not in the document`];
  const response: Response =
    said.$ref === undefined ? said : (responses[said.$ref.slice(said.$ref.lastIndexOf("/") + 1)] ?? said);
  const media = response.content?.[type.split(";")[0] ?? ""];
  if (media === undefined) return [`"${type}" is not in the document for ${status}`];
  if (media["x-document"]) return firstOf(text).flatMap((told) => misfits(media["x-document"] ?? {}, told, schemas));
  if (!type.startsWith("application/json")) return [];
  const body: unknown = JSON.parse(text);
  const code = (body as { error?: { code?: string } }).error?.code;
  const codes = response["x-codes"];
  if (codes !== undefined && code !== undefined && !codes.includes(code))
    return [`${code} is not in the document for ${status}`];
  return misfits(media.schema, body, schemas);
}

/** Least first. */
const ladder = ["nobody", ...roles, "host"];

function passedWrongly({ who }: Case, { "x-role": role }: Operation, status: number): string | undefined {
  const isKnown = roles.some((name) => name === who);
  if (isKnown && status === 401) return `401 for the role ${who}`;
  if (role === "anyone") return undefined;
  const isEnough = isKnown && ladder.indexOf(who) >= ladder.indexOf(role);
  return !isEnough && status < 400 ? `${status} for ${who}, and it needs ${role}` : undefined;
}

function firstOf(text: string): readonly unknown[] {
  const data = /^event: data\ndata: (.*)$/m.exec(text) ?? /^data: (\{.*)$/m.exec(text);
  return data?.[1] === undefined ? [] : [JSON.parse(data[1])];
}

/** Whatever the requests have left: it serves, and nothing is under way. */
async function settle(agent: NetworkAgent): Promise<void> {
  await until(
    "the cluster to be as it was",
    async () => {
      await agent.json("operator", "POST", "/v1/clusters/shop/resume", {});
      await agent.json("operator", "POST", "/v1/clusters/shop/autostop", { idle_ms: null });
      const { text } = await agent.json("viewer", "GET", "/v1/clusters/shop");
      const { state, operation } = JSON.parse(text) as { state: string; operation: string | null };
      if (state === "stopped" && operation === null)
        await agent.json("operator", "POST", "/v1/clusters/shop/start", {});
      return state === "healthy" && operation === null ? true : undefined;
    },
    { withinMs: 60_000 },
  );
}

/** @returns the longest that an answer took, milliseconds */
async function answersWhile(agent: NetworkAgent, goesOn: () => boolean): Promise<number> {
  let longest = 0;
  while (goesOn()) {
    const at = performance.now();
    assert.equal((await agent.json("viewer", "GET", "/v1/clusters/shop")).status, 200);
    longest = Math.max(longest, Math.round(performance.now() - at));
    await sleep(100);
  }
  return longest;
}
