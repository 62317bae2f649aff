import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { murmur2, partitionOf } from "./partition-of.ts";
import { BrokenBatch, decodeBatches, encodeBatch, type OutgoingRecord, recordBytesMax } from "./record-batch.ts";

const PRODUCER = { id: 4_711n, epoch: 3, sequence: 99 };

interface TheirRecord {
  readonly offset: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, Buffer>>;
}

describe("the checksum of record batches", () => {
  it("is CRC-32C", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from("skipped123456789"), 7), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(0)), 0);
  });
});

describe("the partition of a key", () => {
  it("is the one that Kafka's own clients choose", () => {
    // From the tests of Kafka's Java client (UtilsTest).
    const known: readonly [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key);
    assert.equal(partitionOf(Buffer.from("foobar"), 8), (-790332482 & 0x7fffffff) % 8);
  });
});

describe("record batches", () => {
  it("come back as they were written, whatever the keys, values and traces", () => {
    const record = fc.record({
      key: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      value: fc.uint8Array({ maxLength: 9_000 }),
      trace: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 300 }), (records) => {
        const batch = encodeBatch(records, PRODUCER, 1_700_000_000_000);
        assert.ok(batch.length <= records.reduce((sum, one) => sum + recordBytesMax(one), 61));
        const read = decodeBatches(batch);
        assert.equal(read?.first, 0);
        assert.equal(read?.next, records.length);
        assert.deepEqual(
          read?.records,
          records.map(({ value, trace }, offset) => ({ offset, value: Buffer.from(value), trace })),
        );
      }),
      { numRuns: 40 },
    );
  });

  it("are read the same by another implementation", async () => {
    const require = createRequire(import.meta.url);
    const Decoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => unknown;
    const decode = require("kafkajs/src/protocol/recordBatch/v0/decoder") as (
      decoder: unknown,
    ) => Promise<{ readonly records: readonly TheirRecord[] } & Readonly<Record<string, unknown>>>;
    const records: OutgoingRecord[] = Array.from({ length: 200 }, (_, i) => ({
      key: Buffer.from(`key-${i}`),
      value: randomBytes(i * 50),
      trace: i % 2 === 0 ? `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01` : undefined,
    }));
    const batch = await decode(new Decoder(encodeBatch(records, PRODUCER, 1_700_000_000_000)));
    assert.equal(batch["producerId"], "4711");
    assert.equal(batch["producerEpoch"], 3);
    assert.equal(batch["firstSequence"], 99);
    assert.equal(batch["lastOffsetDelta"], 199);
    assert.equal(batch["firstTimestamp"], "1700000000000");
    assert.deepEqual(
      batch.records.map(({ offset, key, value, headers }) => ({ offset, key, value, headers })),
      records.map(({ key, value, trace }, i) => ({
        offset: `${i}`,
        key,
        value,
        headers: trace === undefined ? {} : { traceparent: Buffer.from(trace) },
      })),
    );
  });

  it("are read one after the other, from any offset, without the one that is cut off at the end", () => {
    const [one, two, three] = [5, 7, 9].map((count, i) => at(encodeBatch(some(count), PRODUCER, 0), 100 * (i + 1)));
    const all = Buffer.concat([one as Buffer, two as Buffer, three as Buffer]);
    const offsets = (bytes: Buffer) => decodeBatches(bytes)?.records.map(({ offset }) => offset);
    const both = [100, 101, 102, 103, 104, 200, 201, 202, 203, 204, 205, 206];
    for (let cut = 1; cut < (three as Buffer).length; cut += 13) assert.deepEqual(offsets(all.subarray(0, -cut)), both);
    assert.equal(offsets(all)?.length, 21);
    assert.equal(decodeBatches(all)?.next, 309);
    assert.equal(decodeBatches((one as Buffer).subarray(0, -1)), undefined);
    assert.equal(decodeBatches(Buffer.alloc(0)), undefined);
  });

  it("count for their offsets where they hold no records: marks of transactions", () => {
    const mark = encodeBatch(some(1), PRODUCER, 0);
    mark.writeInt16BE(0x30, 21);
    assert.deepEqual(decodeBatches(at(checked(mark), 50)), { first: 50, next: 51, records: [] });
  });

  it("are refused, by the offset where they begin, when any byte was changed", () => {
    const batch = at(encodeBatch(some(3), PRODUCER, 0), 40);
    for (let byte = 16; byte < batch.length; byte++) {
      const changed = Buffer.from(batch);
      changed[byte] = (changed[byte] as number) ^ 1;
      assert.throws(
        () => decodeBatches(changed),
        (error) => error instanceof BrokenBatch && error.offset === 40,
      );
    }
  });

  it("are read up to the one that is broken", () => {
    const [one, two] = [at(encodeBatch(some(3), PRODUCER, 0), 40), at(encodeBatch(some(4), PRODUCER, 0), 43)];
    two[two.length - 2] = 0xff;
    assert.deepEqual(decodeBatches(Buffer.concat([one, two])), decodeBatches(one));
  });

  it("are refused when they are compressed or older", () => {
    const compressed = encodeBatch(some(1), PRODUCER, 0);
    compressed.writeInt16BE(1, 21);
    assert.throws(() => decodeBatches(checked(compressed)), /compressed/);
    const older = encodeBatch(some(1), PRODUCER, 0);
    older[16] = 1;
    assert.throws(() => decodeBatches(older), /version 2/);
  });

  it("never end in anything but a BrokenBatch, however odd the bytes under a right checksum", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (noise, count) => {
        const batch = Buffer.concat([encodeBatch(some(1), PRODUCER, 0).subarray(0, 61), noise]);
        batch.writeInt32BE(batch.length - 12, 8);
        batch.writeInt32BE(count, 57);
        try {
          decodeBatches(checked(batch));
        } catch (error) {
          assert.ok(error instanceof BrokenBatch, String(error));
        }
      }),
    );
  });
});

function some(count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, i) => ({ key: Buffer.from(`key-${i}`), value: Buffer.from(`value-${i}`) }));
}

function at(batch: Buffer, base: number): Buffer {
  batch.writeBigInt64BE(BigInt(base), 0);
  return batch;
}

function checked(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}
