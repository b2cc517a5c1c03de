/** What a host says of itself, whatever it holds; how long its agent may be silent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Answerer, type Known } from "./answer.ts";

const port = { port: 7405 } as const;

async function codes(agentSilentMs: number): Promise<readonly number[]> {
  const known: Known = { facts: new Map(), agentSocket: "", agentSilentMs, leadsTo: () => undefined };
  const paths = ["/liveness", "/readiness", "/primary"];
  const answers = paths.map((url) => new Answerer().answer({ method: "GET", url, port }, known));
  return (await Promise.all(answers)).map(({ status }) => status);
}

test("a host without a cluster: well while its agent is heard, not ready soon after, dead a minute after", async () => {
  assert.deepEqual(await codes(500), [200, 200, 404]);
  assert.deepEqual(await codes(15_000), [200, 503, 404]);
  assert.deepEqual(await codes(61_000), [503, 503, 404]);
});

test("a host's state is only read", async () => {
  const known: Known = { facts: new Map(), agentSocket: "", agentSilentMs: 0, leadsTo: () => undefined };
  const { status, allow } = await new Answerer().answer({ method: "POST", url: "/liveness", port }, known);
  assert.deepEqual([status, allow], [405, "GET, HEAD, OPTIONS"]);
});
