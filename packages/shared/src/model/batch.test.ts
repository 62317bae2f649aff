import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Batch,
  batchFaults,
  batchHash,
  batchId,
  NO_BATCH,
  parseBatchId,
  partitionOf,
  streamName,
} from "./batch.ts";

const batch: Batch = {
  format: 1,
  stream: "log-0",
  sequence: 3,
  first: 40,
  end: 50,
  count: 8,
  root: "ab".repeat(32),
  previous: "cd".repeat(32),
};

test("a batch has no faults; offsets may have holes", () => {
  assert.deepEqual(batchFaults(batch), []);
  assert.deepEqual(batchFaults({ ...batch, sequence: 0, previous: NO_BATCH }), []);
  assert.deepEqual(batchFaults({ ...batch, count: 1 }), []);
  assert.deepEqual(batchFaults({ ...batch, end: Number.MAX_SAFE_INTEGER }), []);
});

test("each rule that a batch breaks is named", () => {
  const broken: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ format: 2 }, /format/],
    [{ stream: "a/b" }, /stream/],
    [{ stream: "log-0\n" }, /stream/],
    [{ sequence: -1 }, /sequence/],
    [{ first: "40" }, /first/],
    [{ end: 2 ** 53 }, /end/],
    [{ count: 0 }, /count/],
    [{ count: 11 }, /range/],
    [{ end: 39 }, /range/],
    [{ root: "AB".repeat(32) }, /root/],
    [{ previous: "" }, /previous/],
    [{ previous: NO_BATCH }, /previous/],
    [{ sequence: 0 }, /sequence 0/],
    [{ note: "x" }, /note is not part/],
    [{ root: undefined }, /root/],
  ];
  for (const [over, fault] of broken) assert.match(batchFaults({ ...batch, ...over }).join(), fault);
  for (const odd of [null, undefined, 1, "batch", [batch], true]) assert.equal(batchFaults(odd).length, 1);
});

test("hostile values of any kind get faults, not exceptions", () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
      assert.notDeepEqual(batchFaults(value), []);
    }),
  );
});

test("a batch's hash tells every member", () => {
  const others: Partial<Batch>[] = [
    { stream: "log-1" },
    { sequence: 4 },
    { first: 41 },
    { end: 51 },
    { count: 9 },
    { root: "ac".repeat(32) },
    { previous: "ce".repeat(32) },
  ];
  const hashes = new Set([batchHash(batch), ...others.map((over) => batchHash({ ...batch, ...over }))]);
  assert.equal(hashes.size, others.length + 1);
});

test("a batch's id is read back, and nothing else is taken for one", () => {
  const ref = { owner: "HospitalAMSP", stream: "log-0", sequence: 12 };
  assert.equal(batchId(ref), "HospitalAMSP:log-0:12");
  assert.deepEqual(parseBatchId(batchId(ref)), ref);
  for (const text of [
    "",
    "a:b",
    "a:b:c",
    "a:b:01",
    "a:b:-1",
    "a:b:1:2",
    "a/x:b:1",
    ":b:1",
    "a::1",
    "a:b:1e3",
    "a:b: 1",
  ]) {
    assert.equal(parseBatchId(text), undefined, text);
  }
});

test("a stream's name gives its partition back, for its own log only", () => {
  assert.equal(streamName("events", 7), "events-7");
  assert.equal(partitionOf("events", "events-7"), 7);
  for (const stream of ["events", "events-", "events-07", "events-7-1", "event-7", "eventsx-7", "events--7"]) {
    assert.equal(partitionOf("events", stream), undefined, stream);
  }
});
