import assert from "node:assert/strict";
import test from "node:test";
import { batchFaults, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { hex, utf8 } from "@medtrace/shared/model/bytes";
import { leafHash, merkleRoot } from "@medtrace/shared/model/merkle";
import type { LogEntry } from "@medtrace/shared/ports/event-log";
import fc from "fast-check";
import { Gathering } from "./gather.ts";

const LIMITS = { countMax: 4, bytesMax: 1_000, age_ms_max: 200 };

function entry(offset: number, text = `event ${offset}`): LogEntry {
  return { partition: 0, offset, value: utf8(text) };
}

test("a batch covers exactly what was gathered, holes in the offsets included", () => {
  const gathering = new Gathering(10, LIMITS);
  gathering.add([entry(10), entry(13)], 0);
  const batch = gathering.cut("events-0", undefined);
  assert.deepEqual(batchFaults(batch), []);
  assert.deepEqual(
    { sequence: batch.sequence, first: batch.first, end: batch.end, count: batch.count, previous: batch.previous },
    { sequence: 0, first: 10, end: 14, count: 2, previous: NO_BATCH },
  );
  assert.equal(batch.root, hex(merkleRoot([leafHash(utf8("event 10")), leafHash(utf8("event 13"))])));
});

test("the next batch begins where the last ended and names it", () => {
  const first = new Gathering(0, LIMITS);
  first.add([entry(0)], 0);
  const before = first.cut("events-0", undefined);
  const second = new Gathering(before.end, LIMITS);
  second.add([entry(1)], 0);
  const batch = second.cut("events-0", before);
  assert.deepEqual([batch.sequence, batch.first, batch.previous], [1, before.end, batchHash(before)]);
});

test("it is due by age from its oldest record, and at once when count or bytes are reached", () => {
  const gathering = new Gathering(0, LIMITS);
  assert.equal(gathering.dueIn_ms(1_000), Number.POSITIVE_INFINITY);
  gathering.add([entry(0)], 1_000);
  gathering.add([entry(1)], 1_150);
  assert.equal(gathering.dueIn_ms(1_150), 50);
  gathering.add([entry(2), entry(3)], 1_150);
  assert.equal(gathering.dueIn_ms(1_150), 0);
  const heavy = new Gathering(0, LIMITS);
  heavy.add([entry(0, "x".repeat(1_000))], 1_000);
  assert.equal(heavy.full, true);
});

test("however records arrive, the batches of a stream partition them without gap or overlap", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 40 }), (sizes) => {
      let offset = 0;
      let before: ReturnType<Gathering["cut"]> | undefined;
      for (const size of sizes) {
        const gathering = new Gathering(before?.end ?? 0, LIMITS);
        gathering.add(
          Array.from({ length: size }, () => entry(offset++)),
          0,
        );
        const batch = gathering.cut("events-0", before);
        assert.deepEqual(batchFaults(batch), []);
        assert.equal(batch.first, before?.end ?? 0);
        before = batch;
      }
      assert.equal(before?.end, offset);
    }),
  );
});
