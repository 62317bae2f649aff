import assert from "node:assert/strict";
import test from "node:test";
import { FEED_RANGES_MAX } from "@medtrace/shared/model/feed-statement";
import { Numbering } from "./numbering.ts";

function follow(numbering: Numbering, ...numbers: readonly number[]): string[] {
  return numbers.map((number) => {
    const step = numbering.stepOf(number);
    numbering.note(number, step);
    return step;
  });
}

test("a number is the next, behind a gap, late, or a new beginning", () => {
  const numbering = new Numbering();
  assert.deepEqual(follow(numbering, 7, 8, 11, 9, 12), ["next", "next", "gap", "late", "next"]);
  assert.equal(numbering.missedCount, 1);
  assert.deepEqual(numbering.state(), {
    taken: [
      [7, 9],
      [11, 12],
    ],
    restarted: false,
    cut: false,
  });
  assert.deepEqual(follow(numbering, 10, 13), ["late", "next"]);
  assert.deepEqual(numbering.state(), {
    taken: [
      [10, 10],
      [13, 13],
    ],
    restarted: false,
    cut: false,
  });
  assert.deepEqual(follow(numbering, 1, 2, 2), ["restart", "next", "restart"]);
  assert.equal(numbering.missedCount, 0);
});

test("where no message carried a number nothing is said of numbers", () => {
  const numbering = new Numbering();
  assert.equal(numbering.state(), undefined);
  follow(numbering, 5);
  assert.deepEqual(numbering.state()?.taken, [[5, 5]]);
  assert.equal(numbering.state(), undefined);
});

test("what is held of numbers is bounded, and what could not be listed is told of", () => {
  const numbering = new Numbering();
  for (let i = 0; i < FEED_RANGES_MAX; i++) follow(numbering, 2 * i + 1);
  assert.equal(numbering.isFull, true);
  follow(numbering, 2 * FEED_RANGES_MAX);
  assert.equal(numbering.state()?.cut, false);
  for (let i = FEED_RANGES_MAX; i < 3 * FEED_RANGES_MAX; i++) follow(numbering, 2 * i + 1);
  const stated = numbering.state();
  assert.equal(stated?.cut, true);
  assert.equal(stated?.taken.length, FEED_RANGES_MAX);
  assert.ok(numbering.missedCount <= FEED_RANGES_MAX);
});
