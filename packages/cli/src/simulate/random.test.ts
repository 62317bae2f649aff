import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createPatient } from "./people.ts";
import { createRandom } from "./random.ts";
import { type Story, Timeline } from "./timeline.ts";

describe("seeded randomness", () => {
  test("is the same for the same seed, and another for any other", () => {
    const numbers = (seed: string) => Array.from({ length: 20 }, createRandom(seed).next);
    assert.deepEqual(numbers("a"), numbers("a"));
    for (const seed of ["b", "", "aa", "A"]) assert.notDeepEqual(numbers("a"), numbers(seed));
  });

  test("is spread evenly", () => {
    const random = createRandom("even");
    const bins = new Map<number, number>();
    for (let i = 0; i < 100_000; i++) {
      const value = random.whole(0, 9);
      bins.set(value, (bins.get(value) ?? 0) + 1);
    }
    for (const [value, count] of bins) assert.ok(count > 9_500 && count < 10_500, `${value}: ${count}`);
    const heads = Array.from({ length: 10_000 }, () => random.chance(0.3)).filter(Boolean).length;
    assert.ok(heads > 2_700 && heads < 3_300);
    const mean = Array.from({ length: 20_000 }, () => random.wait(50)).reduce((a, b) => a + b) / 20_000;
    assert.ok(mean > 48 && mean < 52, String(mean));
  });

  test("keeps within what was asked for", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: -1_000, max: 1_000 }), fc.nat(1_000), (seed, low, span) => {
        const random = createRandom(seed);
        const value = random.whole(low, low + span);
        assert.ok(Number.isInteger(value) && value >= low && value <= low + span);
        assert.match(random.hex(7), /^[0-9a-f]{7}$/);
        assert.equal(
          random.weighted([
            ["never", 0],
            ["always", 1],
          ]),
          "always",
        );
      }),
    );
  });
});

describe("invented patients", () => {
  test("have health numbers of twenty digits with a Luhn check, each another", () => {
    const random = createRandom("numbers");
    const numbers = Array.from({ length: 2_000 }, () => createPatient(random, 2026).healthNumber);
    assert.equal(new Set(numbers).size, numbers.length);
    for (const number of numbers) {
      assert.match(number, /^80999\d{15}$/);
      const sum = [...number].reverse().reduce((total, digit, place) => {
        const value = Number(digit) * (place % 2 === 1 ? 2 : 1);
        return total + (value > 9 ? value - 9 : value);
      }, 0);
      assert.equal(sum % 10, 0);
    }
  });
});

function* once(happens: () => unknown): Story {
  happens();
  yield 0;
}

describe("timeline", () => {
  test("lets stories go on by time, and by who waited first where times are equal", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (waits) => {
        const timeline = new Timeline(1_000);
        const seen: [at: number, place: number][] = [];
        for (const [place, wait] of waits.entries()) {
          timeline.begin(
            once(() => seen.push([timeline.now_ms, place])),
            wait,
          );
        }
        while (timeline.step());
        const expected = waits.map((wait, place): [number, number] => [1_000 + wait, place]);
        assert.deepEqual(
          seen,
          expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]),
        );
      }),
    );
  });
});
