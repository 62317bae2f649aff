import assert from "node:assert/strict";
import test from "node:test";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import fc from "fast-check";
import { anchoredAt } from "./accepted.ts";

/** A ledger with one stream of batches over ranges of these lengths. */
function ledgerOf(lengths: readonly number[], stream = "events-3"): Ledger {
  let end = 0;
  const batches = lengths.map((length, sequence) => {
    const first = end;
    end += length;
    return { stream, sequence, first, end } as Batch;
  });
  const head = batches.at(-1);
  return {
    owner: "PlatformMSP",
    listStreams: async () => (head === undefined ? [] : [{ owner: "PlatformMSP", stream, batch: head }]),
    readBatch: async ({ sequence }: { sequence: number }) => batches[sequence],
  } as unknown as Ledger;
}

const receipt = (offset: number, partition = 3) => ({ id: "", digest: "", institution: "a", partition, offset });

test("an offset is found in the batch whose range holds it, and in none beyond the head", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }),
      fc.nat(200),
      async (lengths, offset) => {
        const found = await anchoredAt(ledgerOf(lengths), receipt(offset));
        const end = lengths.reduce((sum, length) => sum + length, 0);
        assert.equal(found !== undefined, offset < end);
        if (found !== undefined) assert.ok(found.batch.first <= offset && offset < found.batch.end);
      },
    ),
  );
});

test("another partition's stream says nothing of an offset", async () => {
  assert.equal(await anchoredAt(ledgerOf([5]), receipt(1, 2)), undefined);
  assert.equal(await anchoredAt(ledgerOf([5], "events-13"), receipt(1, 3)), undefined);
});
