import assert from "node:assert/strict";
import test from "node:test";
import { readTime, writeTime } from "./time.ts";

const given = (text: string): string | undefined => readTime(text, "+01:00")?.time.given;
const flags = (text: string): readonly string[] | undefined => readTime(text, "+01:00")?.flags;

test("a time keeps its own offset, and is sorted in UTC", () => {
  assert.deepEqual(readTime("20310102030405.6789-0530", "+01:00"), {
    time: { given: "2031-01-02T03:04:05.6789-05:30", utc: "2031-01-02T08:34:05.678Z" },
    flags: [],
  });
});

test("a time without an offset has the zone's, and says so", () => {
  assert.equal(given("20310102030405"), "2031-01-02T03:04:05+01:00");
  assert.deepEqual(flags("20310102030405"), ["hl7:assumed-offset"]);
});

test("a coarse time is the first instant it may be, and says how coarse it is", () => {
  const cases: [text: string, given: string, precision: string][] = [
    ["2031", "2031-01-01T00:00:00+01:00", "year"],
    ["203102", "2031-02-01T00:00:00+01:00", "month"],
    ["20310203", "2031-02-03T00:00:00+01:00", "day"],
    ["2031020304", "2031-02-03T04:00:00+01:00", "hour"],
    ["203102030405", "2031-02-03T04:05:00+01:00", "minute"],
  ];
  for (const [text, time, precision] of cases) {
    assert.equal(given(text), time);
    assert.deepEqual(flags(text), [`hl7:time-precision-${precision}`, "hl7:assumed-offset"]);
  }
});

test("ISO 8601 in HL7's place is read and flagged", () => {
  assert.equal(given("2031-02-03T04:05:06Z"), "2031-02-03T04:05:06Z");
  assert.equal(given("20310203 0405"), "2031-02-03T04:05:00+01:00");
  assert.equal(given("2031-02-03 04:05:06.5+02:00"), "2031-02-03T04:05:06.5+02:00");
  assert.deepEqual(flags("2031-02-03T04:05:06Z"), ["hl7:time-format"]);
});

test("what is not a time is not made one", () => {
  for (const text of ["", "soon", "20311301", "20310230", "2031010203040", "20310102250000", "203101020304+9900"]) {
    assert.equal(readTime(text, "+01:00"), undefined, text);
  }
});

test("a written time is read back as the same instant", () => {
  const now_ms = Date.UTC(2031, 5, 6, 7, 8, 9);
  assert.equal(readTime(writeTime(now_ms), "+01:00")?.time.utc, new Date(now_ms).toISOString());
});
