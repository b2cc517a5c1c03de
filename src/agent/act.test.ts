/** What the user's hooks may change meanwhile: an action that was right before them is asked again after them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Action } from "../core/action.ts";
import { zeroLsn } from "../domain/lsn.ts";
import type { MemberServer } from "../drivers/postgres/port.ts";
import { act, type Hands } from "./act.ts";
import { cluster } from "./testing.ts";

const promote: Action = { kind: "promote", epoch: 2, timeline: 2, known: [], rule: { voters: [], acks: 0 } };

async function promoted(during: { epoch?: number; fence?: boolean; ran?: boolean }): Promise<string> {
  const fence = new AbortController();
  let epoch = 2;
  const server: Partial<MemberServer> = { promote: async () => zeroLsn };
  const hands: Partial<Hands> = {
    timings: { promoteMs: 1 },
    record: () => cluster({ epoch }),
    server: () => server as MemberServer,
    hooks: async () => {
      epoch = during.epoch ?? epoch;
      if (during.fence) fence.abort();
      return during.ran ?? true;
    },
  };
  return (await act(promote, hands as Hands, fence.signal)).outcome;
}

test("hooks: nothing has changed meanwhile", async () => assert.equal(await promoted({}), "done"));
test("hooks: another epoch began meanwhile", async () => assert.equal(await promoted({ epoch: 3 }), "refused"));
test("hooks: a fence came meanwhile", async () => assert.equal(await promoted({ fence: true }), "refused"));
