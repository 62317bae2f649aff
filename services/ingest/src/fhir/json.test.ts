import assert from "node:assert/strict";
import test from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import fc from "fast-check";
import { DEPTH_MAX, parseJson, VALUES_MAX } from "./json.ts";
import { jsonFault } from "./json-place.ts";

const SAMPLE = `{
  "resourceType": "AuditEvent",
  "text": "Grüße \\u00e9 \\n \\"quoted\\"",
  "numbers": [0, -1.5e+3, 12],
  "flags": [true, false, null, {}, []]
}`;

const parse = (text: string): unknown => parseJson(Buffer.from(text));

function refusal(bytes: Uint8Array | string): MedtraceError {
  try {
    parseJson(Buffer.from(bytes as string));
  } catch (error) {
    assert.ok(error instanceof MedtraceError, `threw ${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: "was taken" });
}

test("JSON is read as it is, with or without a byte order mark", () => {
  assert.deepEqual(parse(SAMPLE), JSON.parse(SAMPLE));
  assert.deepEqual(parse(`\ufeff${SAMPLE}`), JSON.parse(SAMPLE));
  assert.equal(refusal(`\ufeff\ufeff{}`).at, "line 1, column 1");
});

test("text that breaks off anywhere is refused with the place where it does, and nothing of it", () => {
  for (let length = 0; length < SAMPLE.length; length++) {
    const error = refusal(SAMPLE.slice(0, length));
    assert.equal(error.code, "INPUT_MALFORMED");
    const lines = SAMPLE.slice(0, length).split("\n");
    assert.equal(error.at, `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`, `at ${length}`);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /AuditEvent|Gr|quoted/);
  }
});

test("a wrong byte anywhere is refused at its place or after it, and nothing of the input is quoted", () => {
  const bytes = Buffer.from(SAMPLE);
  for (let i = 0; i < bytes.length; i++) {
    const broken = Buffer.from(bytes);
    broken[i] = 0x01;
    const error = refusal(broken);
    assert.equal(error.code, "INPUT_MALFORMED");
    if (error.at !== undefined) assert.match(error.at, /^(line \d+, column \d+|byte \d+)$/);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /AuditEvent|Gr|quoted|\\u0001/);
  }
});

test("a text that talks of positions does not choose its own place", () => {
  assert.equal(refusal("position 999 of nothing").at, "line 1, column 1");
  assert.equal(refusal('{"a": at position 7}').at, "line 1, column 7");
});

test("the place is found exactly where JSON.parse refuses, and never in what it takes", () => {
  const pieces = fc.constantFrom(
    ...['"', "\\", "u00e", "{", "}", "[", "]", ",", ":", "1", "-", ".", "e", "0", "tru", "true", "nul", "null", " "],
    ...["\n", "a", '"a"', '"a":', "\u0001", "🜁", '{"a":1}', "[1,2]"],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
      const text = parts.join("");
      const fault = jsonFault(text);
      let taken = true;
      try {
        JSON.parse(text);
      } catch {
        taken = false;
      }
      if (taken) assert.equal(fault, text.length, text);
      // What comes before the fault can be gone on with; the fault itself cannot.
      else if (fault < text.length) assert.equal(jsonFault(text.slice(0, fault)), fault, text);
    }),
    { numRuns: 3_000 },
  );
});

test("nesting of 100,000 is refused where it passes the limit, of the limit is taken", () => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    const error = refusal(open.repeat(100_000) + close.repeat(100_000));
    assert.deepEqual([error.code, error.at], ["INPUT_MALFORMED", `byte ${DEPTH_MAX * open.length}`]);
    assert.equal(refusal(open.repeat(100_000)).code, "INPUT_MALFORMED");
    parse(`${open.repeat(DEPTH_MAX)}1${close.repeat(DEPTH_MAX)}`);
  }
  const text = JSON.stringify({ text: '[{"'.repeat(1_000) });
  assert.deepEqual(parse(text), JSON.parse(text), "brackets in strings do not nest");
});

test("a text of more values than any Bundle has is refused before they are made", () => {
  for (const piece of ["[],", "0,", '"",']) {
    const error = refusal(`[${piece.repeat(VALUES_MAX + 1)}0]`);
    assert.equal(error.code, "INPUT_TOO_LARGE");
    assert.match(error.at ?? "", /^byte \d+$/);
  }
  assert.equal((parse(`[${"0,".repeat(VALUES_MAX - 1)}0]`) as unknown[]).length, VALUES_MAX);
  assert.equal(
    parse(JSON.stringify(",".repeat(VALUES_MAX * 2))),
    ",".repeat(VALUES_MAX * 2),
    "commas in text are text",
  );
});

test("a member named __proto__ is refused however it is spelt; a value of that name is not", () => {
  for (const name of ["__proto__", "\\u005f_proto__", "__prot\\u006F__"]) {
    for (const text of [`{"${name}":{"x":1}}`, `[{"a":[{"${name}":1}]}]`]) {
      assert.deepEqual([refusal(text).code, refusal(text).at], ["INPUT_MALFORMED", "__proto__"]);
    }
  }
  assert.deepEqual(parse('{"a":"__proto__"}'), { a: "__proto__" });
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("members named constructor or prototype are plain members", () => {
  const value = parse('{"constructor":{"prototype":{"x":1}}}') as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ["constructor"]);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("of members with the same name the last one stands", () => {
  assert.deepEqual(parse('{"a":1,"a":2}'), { a: 2 });
});

test("bytes that are not UTF-8 are refused as that", () => {
  const wrong = ["ff", "c3", "c328", "e282", "f0288cbc", "eda080", "f8a1a1a1a1", "c080"];
  for (const hex of wrong) {
    const error = refusal(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(hex, "hex"), Buffer.from('"}')]));
    assert.deepEqual([error.code, error.message], ["INPUT_MALFORMED", "the bytes are not UTF-8"], hex);
    assert.match(error.at ?? "", /^byte [678]$/, hex);
  }
});

test("any bytes give a value or an INPUT_MALFORMED", () => {
  const text = fc.oneof(fc.json({ stringUnit: "binary" }), fc.string({ unit: "binary" }));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    text.map((one) => Buffer.from(one)),
    fc.tuple(text, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([one, at, byte]) => {
      const changed = Buffer.from(one);
      if (changed.length > 0) changed[at % changed.length] = byte;
      return changed;
    }),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      try {
        parseJson(given);
      } catch (error) {
        assert.ok(error instanceof MedtraceError && error.code === "INPUT_MALFORMED", `${error}`);
      }
    }),
    { numRuns: 500 },
  );
});
