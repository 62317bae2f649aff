import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import { utf8 } from "@medtrace/shared/model/bytes";
import { anchorBatch, headKey, readBatch, readHead } from "./contract.ts";
import { contractRules, type RulesHost } from "./testing/rules.ts";
import { type Endorsed, WorldState } from "./testing/world-state.ts";

async function openModel(): Promise<RulesHost<Endorsed>> {
  const state = new WorldState();
  let streams = 0;
  return {
    owners: ["HospitalAMSP", "HospitalBMSP"],
    newStream: () => `log-${streams++}`,
    endorse: async (owner, batch) => {
      const endorsed = await state
        .endorse(owner, (context) => anchorBatch(context, batch))
        .catch((error: unknown) => {
          if (hasCode(error, "LEDGER_REFUSED")) return undefined;
          throw error;
        });
      // What is written without the head being read would never conflict.
      if (endorsed !== undefined) assert.ok(endorsed.reads.has(headKey(owner, batch.stream)));
      return endorsed;
    },
    order: async (transactions) => transactions.map((one) => state.commit(one)),
    readBatch: async (ref) => (await readBatch(state, ref))?.batch,
    readHead: async (owner, stream) => (await readHead(state, owner, stream))?.batch,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

contractRules("the model", { open: openModel, runs: 500, steps: 60 });

test("the model keeps Fabric's rules: no reading of one's own writes, blind writes never conflict, an id counts once", async () => {
  const state = new WorldState();
  const first = await state.endorse("A", async (context) => {
    await context.putState("key", utf8("mine"));
    return context.getState("key");
  });
  assert.equal(first.result, undefined);
  const blind = await state.endorse("A", (context) => context.putState("key", utf8("blind")));
  assert.deepEqual([state.commit(blind), state.commit(first), state.commit(blind)], ["valid", "conflict", "duplicate"]);
  assert.deepEqual(state.entries.get("key"), utf8("blind"));
  const [one, two] = [
    await state.endorse("A", (context) => context.getState("key")),
    await state.endorse("A", (context) => context.putState("key", utf8("later"))),
  ];
  assert.deepEqual([state.commit(two), state.commit(one)], ["valid", "conflict"]);
});

test("the contract reads and writes the keys of one stream of its submitter alone", async () => {
  const state = new WorldState();
  const batch: Batch = {
    format: 1,
    stream: "log-0",
    sequence: 0,
    first: 0,
    end: 5,
    count: 5,
    root: "a".repeat(64),
    previous: "0".repeat(64),
  };
  const { reads, writes } = await state.endorse("HospitalAMSP", (context) => anchorBatch(context, batch));
  assert.deepEqual([...reads.keys()], ["head/HospitalAMSP/log-0"]);
  assert.deepEqual([...writes.keys()].sort(), ["batch/HospitalAMSP/log-0/0", "head/HospitalAMSP/log-0"]);
});
