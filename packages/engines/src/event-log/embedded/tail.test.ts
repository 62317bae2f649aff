import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Tail, type TailEntry } from "./tail.ts";

const NO_LIMITS = { countMax: 1_000, bytesMax: 1_000_000 };

function entry(partition: number, offset: number, bytes = 10): TailEntry {
  return { partition, offset, value: new Uint8Array(bytes).fill(offset), leaf: new Uint8Array(32) };
}

function offsets(found: ReturnType<Tail["read"]>): number[] | undefined {
  return found?.map(({ offset }) => offset);
}

describe("embedded event log: its tail", () => {
  it("gives what was added from any offset of it, within the limits, and one entry at least", () => {
    const tail = new Tail(2, 10_000);
    tail.add([entry(1, 5), entry(1, 6), entry(0, 0), entry(1, 7)]);
    assert.deepEqual(offsets(tail.read(1, 5, NO_LIMITS)), [5, 6, 7]);
    assert.deepEqual(offsets(tail.read(1, 6, NO_LIMITS)), [6, 7]);
    assert.deepEqual(offsets(tail.read(1, 5, { countMax: 2, bytesMax: 1_000 })), [5, 6]);
    assert.deepEqual(offsets(tail.read(1, 5, { countMax: 9, bytesMax: 1 })), [5]);
    assert.deepEqual(offsets(tail.read(0, 0, NO_LIMITS)), [0]);
  });

  it("says that it does not hold what is before it, behind it, or no offset at all", () => {
    const tail = new Tail(2, 10_000);
    tail.add([entry(1, 5)]);
    for (const [partition, offset] of [
      [1, 4],
      [1, 6],
      [0, 0],
      [2, 0],
      [-1, 5],
      [1, Number.NaN],
      [1, 5.5],
    ] as const) {
      assert.equal(tail.read(partition, offset, NO_LIMITS), undefined, `${partition}/${offset}`);
    }
  });

  it("begins anew behind what another process appended", () => {
    const tail = new Tail(1, 10_000);
    tail.add([entry(0, 0), entry(0, 1)]);
    tail.add([entry(0, 9)]);
    assert.equal(tail.read(0, 1, NO_LIMITS), undefined);
    assert.deepEqual(offsets(tail.read(0, 9, NO_LIMITS)), [9]);
  });

  it("holds one run without a gap within its bytes, whatever is added", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean()), { maxLength: 60 }), (adds) => {
        const tail = new Tail(1, 1_000);
        let next = 0;
        for (const [bytes, gap] of adds) {
          next += gap ? 3 : 0;
          tail.add([entry(0, next, bytes)]);
          next += 1;
        }
        let held = 0;
        for (let offset = next - 1; tail.read(0, offset, { countMax: 1, bytesMax: 1 }) !== undefined; offset--) {
          held += tail.read(0, offset, { countMax: 1, bytesMax: 1 })?.[0]?.value.length ?? 0;
        }
        assert.ok(held <= 1_000, `${held} bytes`);
      }),
    );
  });
});
