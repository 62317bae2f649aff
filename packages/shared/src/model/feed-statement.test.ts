import assert from "node:assert/strict";
import test from "node:test";
import { type FeedNumbers, type FeedStatement, feedId, type StatedPeriod, sumOfFeed } from "./feed-statement.ts";

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 2, minute)).toISOString();

function stated(
  process: string,
  place: number,
  [from, to]: readonly [number, number],
  more: Partial<Omit<FeedStatement, "numbers">> & { readonly numbers?: Partial<FeedNumbers> } = {},
): StatedPeriod {
  const { numbers, ...rest } = more;
  const statement = { entry: "mllp", system: "EHR|NORTH", process, place, messages: 0, repeated: 0, ...rest } as const;
  const whole = { taken: [], restarted: false, cut: false, ...numbers };
  return {
    statement: numbers === undefined ? statement : { ...statement, numbers: whole },
    from: at(from),
    to: at(to),
  };
}

test("what two processes took of one feed is taken together: a number is missing where neither has it", () => {
  const sum = sumOfFeed([
    stated("a", 0, [0, 15], {
      messages: 3,
      numbers: {
        taken: [
          [1, 1],
          [3, 3],
          [5, 5],
        ],
      },
      lastMessage: at(14),
    }),
    stated("b", 0, [1, 16], {
      messages: 2,
      repeated: 1,
      numbers: {
        taken: [
          [2, 2],
          [6, 6],
        ],
      },
      lastMessage: at(12),
    }),
  ]);
  assert.deepEqual([sum.messages, sum.repeated, sum.processes, sum.lastMessage], [5, 1, 2, at(14)]);
  assert.deepEqual(sum.runs, [{ first: 1, last: 6, missing: [[4, 4]], missingCount: 1, cut: false }]);
  assert.deepEqual(sum.covered, [[at(0), at(16)]]);
});

test("a number that came late is not missing, whichever statement has it", () => {
  const sum = sumOfFeed([
    stated("a", 0, [0, 15], {
      numbers: {
        taken: [
          [1, 3],
          [5, 9],
        ],
      },
    }),
    stated("a", 1, [15, 30], {
      numbers: {
        taken: [
          [4, 4],
          [10, 12],
        ],
      },
    }),
  ]);
  assert.deepEqual(
    sum.runs.map(({ missing }) => missing),
    [[]],
  );
});

test("numbers that begin anew are a run of their own, for all processes that saw it", () => {
  const sum = sumOfFeed([
    stated("a", 0, [0, 10], { numbers: { taken: [[4_000, 5_000]] } }),
    stated("b", 0, [0, 12], { numbers: { taken: [[5_001, 5_002]] } }),
    stated("a", 1, [10, 20], {
      numbers: {
        taken: [
          [1, 1],
          [3, 9],
        ],
        restarted: true,
      },
    }),
    stated("b", 1, [12, 20], {
      numbers: {
        taken: [
          [2, 2],
          [11, 11],
        ],
        restarted: true,
      },
    }),
  ]);
  assert.deepEqual(
    sum.runs.map(({ first, last, missing }) => [first, last, missing]),
    [
      [4_000, 5_002, []],
      [1, 11, [[10, 10]]],
    ],
  );
});

test("a process that is new cannot know that numbers began anew: those that were taken show it", () => {
  const sum = sumOfFeed([
    stated("a", 0, [0, 10], { numbers: { taken: [[1, 100]] } }),
    stated("b", 0, [20, 30], { numbers: { taken: [[1, 5]] } }),
  ]);
  assert.equal(sum.runs.length, 2);
});

test("times that nobody covers, and statements that are left out, show", () => {
  const sum = sumOfFeed([stated("a", 0, [0, 15]), stated("a", 3, [45, 60]), stated("b", 0, [14, 30])]);
  assert.deepEqual(sum.covered, [
    [at(0), at(30)],
    [at(45), at(60)],
  ]);
  assert.equal(sum.unstated, 2);
  assert.deepEqual(sum.runs, []);
});

test("what was cut is told to be", () => {
  const [run] = sumOfFeed([
    stated("a", 0, [0, 15], {
      numbers: {
        taken: [
          [1, 1],
          [9, 9],
        ],
        cut: true,
      },
    }),
  ]).runs;
  assert.equal(run?.cut, true);
});

test("a feed has one id, whatever its system is called", () => {
  assert.equal(feedId("north", { entry: "mllp", system: "EHR|A/B" }), "north/Feed/mllp/EHR%7CA%2FB");
});
