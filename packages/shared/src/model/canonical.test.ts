import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { hex } from "./bytes.ts";
import { CANONICAL_DEPTH_MAX, canonicalBytes, canonicalText, type Json } from "./canonical.ts";

/** RFC 8785 appendix B: IEEE 754 doubles in hex, and how they are written. */
const NUMBERS: Readonly<Record<string, string>> = {
  "0000000000000000": "0",
  "8000000000000000": "0",
  "0000000000000001": "5e-324",
  "8000000000000001": "-5e-324",
  "7fefffffffffffff": "1.7976931348623157e+308",
  ffefffffffffffff: "-1.7976931348623157e+308",
  "4340000000000000": "9007199254740992",
  c340000000000000: "-9007199254740992",
  "4430000000000000": "295147905179352830000",
  "44b52d02c7e14af5": "9.999999999999997e+22",
  "44b52d02c7e14af6": "1e+23",
  "44b52d02c7e14af7": "1.0000000000000001e+23",
  "444b1ae4d6e2ef4e": "999999999999999700000",
  "444b1ae4d6e2ef4f": "999999999999999900000",
  "444b1ae4d6e2ef50": "1e+21",
  "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
  "3eb0c6f7a0b5ed8d": "0.000001",
  "41b3de4355555553": "333333333.3333332",
  "41b3de4355555554": "333333333.33333325",
  "41b3de4355555555": "333333333.3333333",
  "41b3de4355555556": "333333333.3333334",
  "41b3de4355555557": "333333333.33333343",
  becbf647612f3696: "-0.0000033333333333333333",
  "43143ff3c1cb0959": "1424953923781206.2",
};

function double(bits: string): number {
  return Buffer.from(bits, "hex").readDoubleBE();
}

test("numbers are written as RFC 8785 appendix B lists them", () => {
  for (const [bits, text] of Object.entries(NUMBERS)) assert.equal(canonicalText(double(bits)), text, bits);
});

test("NaN and the infinities are refused", () => {
  for (const bits of ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"]) {
    assert.throws(() => canonicalText(double(bits)), TypeError);
    assert.throws(() => canonicalText({ a: [double(bits)] }), TypeError);
  }
});

test("the example of RFC 8785 section 3.2.2 has the bytes of section 3.2.4", () => {
  const value = JSON.parse(`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
    "literals": [null, true, false]
  }`) as Json;
  assert.equal(
    canonicalText(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  assert.equal(
    hex(canonicalBytes(value)),
    "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e33" +
      "3333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e" +
      "4127425c225c5c5c5c5c222f227d",
  );
});

test("members are sorted by UTF-16 code units, as in RFC 8785 section 3.2.3", () => {
  const value = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  };
  const order = [...canonicalText(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual(order, [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
});

test("objects, arrays and strings of RFC 8785's published test data come out as published", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['[ 56, { "d": true, "10": null, "1": [ ] } ]', '[56,{"1":[],"10":null,"d":true}]'],
    [
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
    ],
    [
      '{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { }}',
      '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
    ],
    ['{"Unnormalized Unicode":"A\\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'],
    ['{"</script>":"\\u007f","\\u0080":"\\b\\f\\t"}', '{"</script>":"\u007f","\u0080":"\\b\\f\\t"}'],
  ];
  for (const [input, expected] of cases) assert.equal(canonicalText(JSON.parse(input) as Json), expected);
});

test("many members are sorted like few", () => {
  for (const count of [2, 23, 24, 25, 26, 500]) {
    const keys = Array.from({ length: count }, (_, i) => `k${(i * 7_919) % 1_009}\u{1f600}`);
    const value = Object.fromEntries(keys.map((key, i) => [key, i]));
    assert.deepEqual(Object.keys(JSON.parse(canonicalText(value)) as object), Object.keys(value).sort());
  }
});

test("a member named __proto__ is a member like any other", () => {
  const text = '{"__proto__":{"polluted":true},"constructor":1,"toString":2}';
  assert.equal(canonicalText(JSON.parse(text) as Json), text);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  const bare = Object.assign(Object.create(null) as object, { b: 1, a: 2 });
  assert.equal(canonicalText(bare as Json), '{"a":2,"b":1}');
});

test("a lone surrogate is refused, in a value and in a name; a pair is not", () => {
  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800", "\ud800\ud800\udc00"]) {
    assert.throws(() => canonicalText(text), TypeError);
    assert.throws(() => canonicalText({ [text]: 1 }), TypeError);
    assert.throws(() => canonicalText([{ a: text }]), TypeError);
  }
  assert.equal(canonicalText("\ud800\udc00"), '"\ud800\udc00"');
});

test("nesting is taken up to its limit and refused beyond it, however deep", () => {
  const nested = (depth: number, open: string, close: string): Json =>
    JSON.parse(`${open.repeat(depth)}0${close.repeat(depth)}`) as Json;
  assert.equal(canonicalText(nested(CANONICAL_DEPTH_MAX, "[", "]")).length, 2 * CANONICAL_DEPTH_MAX + 1);
  assert.throws(() => canonicalText(nested(CANONICAL_DEPTH_MAX + 1, "[", "]")), TypeError);
  let deep: Json = 0;
  for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
  assert.throws(() => canonicalText(deep), TypeError);
});

test("what is no JSON value is refused rather than guessed at", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  for (const odd of [
    undefined,
    1n,
    Symbol("a"),
    () => 1,
    new Date(0),
    new Map([["a", 1]]),
    new Uint8Array(2),
    [undefined],
    new Array(2),
    circular,
    { toJSON: () => 1 },
  ]) {
    assert.throws(() => canonicalText(odd as Json), TypeError);
    assert.throws(() => canonicalText({ a: odd === undefined ? [odd] : odd } as Json), TypeError);
  }
});

test("a member that is undefined is left out", () => {
  assert.equal(canonicalText({ b: undefined, a: 1, c: undefined }), '{"a":1}');
  assert.equal(canonicalText({ a: undefined }), "{}");
});

const json = fc.jsonValue({ depthSize: "medium", stringUnit: "binary" });

test("any value is written so that it reads back equal, and the same however its members came", () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalText(value as Json);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalText(JSON.parse(text) as Json), text);
      assert.equal(canonicalText(turned(value) as Json), text);
    }),
    { numRuns: 500 },
  );
});

/** The same value with its members in another order, all the way down; `__proto__` stays an own member. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, member]) => [key, turned(member)]));
}

test("names of strangers do not change how later values are written", () => {
  for (let i = 0; i < 3_000; i++) canonicalText({ [`name-${i}`]: i });
  assert.equal(canonicalText({ zz: 1, "new\u0001": { "name-2999": 1 } }), '{"new\\u0001":{"name-2999":1},"zz":1}');
});
