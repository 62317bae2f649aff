import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { NumberRanges } from "./number-ranges.ts";

test("numbers that follow one another are one range, others leave gaps", () => {
  const taken = new NumberRanges();
  for (const number of [1, 2, 3, 7, 5, 8]) taken.add(number);
  assert.deepEqual(taken.ranges(), [
    [1, 3],
    [5, 5],
    [7, 8],
  ]);
  assert.deepEqual(taken.gaps(), [
    [4, 4],
    [6, 6],
  ]);
  taken.add(4, 6);
  assert.deepEqual(taken.ranges(), [[1, 8]]);
  assert.deepEqual(taken.gaps(), []);
});

test("property: it is the set that it stands for", () => {
  const step = fc.record({ add: fc.boolean(), first: fc.nat(40), more: fc.nat(4) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(fc.nat(45), { maxLength: 5 }), (steps, others) => {
      const ranges = new NumberRanges();
      const set = new Set<number>();
      for (const { add, first, more } of steps) {
        if (add) {
          ranges.add(first, first + more);
          for (let n = first; n <= first + more; n++) set.add(n);
        } else {
          ranges.remove(first);
          set.delete(first);
        }
      }
      const all = [...set].sort((a, b) => a - b);
      assert.deepEqual(
        ranges.ranges().flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
        all,
      );
      for (const [i, [first]] of ranges.ranges().entries()) {
        if (i > 0) assert.ok(first > (ranges.ranges()[i - 1]?.[1] ?? 0) + 1);
      }
      assert.deepEqual([ranges.size, ranges.first, ranges.last], [set.size, all[0], all.at(-1)]);
      for (let n = 0; n <= 45; n++) assert.equal(ranges.has(n), set.has(n));
      assert.equal(
        ranges.meets(NumberRanges.of(others.map((n) => [n, n]))),
        others.some((n) => set.has(n)),
      );
    }),
    { numRuns: 1_000 },
  );
});
