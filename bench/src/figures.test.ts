import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isMet, quantile, slope, tableText } from "./figures.ts";

describe("figures", () => {
  it("take quantiles by nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    assert.equal(quantile(values, 0.5), 50);
    assert.equal(quantile(values, 0.99), 99);
    assert.equal(quantile(values, 1), 100);
    assert.equal(quantile([7], 0.99), 7);
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });

  it("take the slope of a line, and none of a point", () => {
    assert.equal(
      slope([
        [0, 1],
        [2, 5],
        [4, 9],
      ]),
      2,
    );
    assert.equal(slope([[3, 3]]), 0);
  });

  it("meet a target from the side that it names", () => {
    const figure = { name: "f", value: 5, unit: "ms" };
    assert.equal(isMet(figure), undefined);
    assert.equal(isMet({ ...figure, target: { kind: "at most", value: 5 } }), true);
    assert.equal(isMet({ ...figure, target: { kind: "at least", value: 6 } }), false);
  });

  it("are printed with their target, their limit and the ratio of the two", () => {
    const text = tableText([
      {
        name: "posts",
        value: 2_500,
        unit: "events/s",
        target: { kind: "at least", value: 3_000 },
        limit: { name: "bare", value: 10_000 },
      },
    ]);
    assert.match(text, /\| posts +\| 2,500 events\/s +\| at least 3,000 +\| MISSED +\| bare: 10,000 +\| 0\.25 +\|/);
    assert.equal(
      new Set(
        text
          .trim()
          .split("\n")
          .map((line) => line.length),
      ).size,
      1,
    );
  });
});
