import assert from "node:assert/strict";
import test from "node:test";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import fc from "fast-check";
import { anchoredAt } from "./accepted.ts";

const OWNER = "PlatformMSP";

/** A ledger whose one stream has batches over ranges of these lengths, and that counts what is read of it. */
class Streams {
  reads = 0;
  readonly #batches: readonly Batch[];
  readonly #stream: string;

  constructor(lengths: readonly number[], stream = "events-3") {
    let end = 0;
    this.#stream = stream;
    this.#batches = lengths.map((length, sequence) => {
      const first = end;
      end += length;
      return { stream, sequence, first, end } as Batch;
    });
  }

  get ledger(): Ledger {
    const isHere = (owner: string, stream: string): boolean => owner === OWNER && stream === this.#stream;
    return {
      owner: OWNER,
      readHead: async (owner: string, stream: string) => {
        this.reads += 1;
        const batch = isHere(owner, stream) ? this.#batches.at(-1) : undefined;
        return batch === undefined ? undefined : { owner, stream, batch };
      },
      readBatch: async ({ owner, stream, sequence }: { owner: string; stream: string; sequence: number }) => {
        this.reads += 1;
        return isHere(owner, stream) ? this.#batches[sequence] : undefined;
      },
    } as unknown as Ledger;
  }
}

const receipt = (offset: number, partition = 3) => ({ id: "", digest: "", institution: "a", partition, offset });

test("an offset is found in the batch whose range holds it, and in none beyond the head", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }),
      fc.nat(200),
      async (lengths, offset) => {
        const found = await anchoredAt(new Streams(lengths).ledger, "events", receipt(offset));
        const end = lengths.reduce((sum, length) => sum + length, 0);
        assert.equal(found !== undefined, offset < end);
        if (found !== undefined) assert.ok(found.batch.first <= offset && offset < found.batch.end);
      },
    ),
  );
});

test("a stream of another partition, another log or another institution says nothing of an offset", async () => {
  assert.equal(await anchoredAt(new Streams([5]).ledger, "events", receipt(1, 2)), undefined);
  assert.equal(await anchoredAt(new Streams([5], "events-13").ledger, "events", receipt(1, 3)), undefined);
  assert.equal(await anchoredAt(new Streams([5], "old-events-3").ledger, "events", receipt(1, 3)), undefined);
  const theirs = { ...new Streams([5]).ledger, owner: "HospitalMSP" };
  assert.equal(await anchoredAt(theirs, "events", receipt(1, 3)), undefined);
});

test("what is new costs few reads however long the stream is, and what is old not many more", async () => {
  const lengths = Array.from({ length: 100_000 }, () => 10);
  for (const [batchesBack, readsMax] of [
    [0, 1],
    [1, 2],
    [10, 12],
    [99_999, 60],
  ] as const) {
    const streams = new Streams(lengths);
    const found = await anchoredAt(streams.ledger, "events", receipt(1_000_000 - 10 * batchesBack - 1));
    assert.equal(found?.ref.sequence, 99_999 - batchesBack);
    assert.ok(streams.reads <= readsMax, `${streams.reads} reads for ${batchesBack} batches back`);
  }
});
