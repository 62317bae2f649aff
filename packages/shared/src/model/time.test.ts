import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { traceTime } from "./time.ts";

test("a time keeps the text it came as, beside the same instant in UTC", () => {
  const cases: readonly (readonly [given: string, utc: string])[] = [
    ["2026-03-01T04:05:06Z", "2026-03-01T04:05:06.000Z"],
    ["2026-03-01T04:05:06.7Z", "2026-03-01T04:05:06.700Z"],
    ["2026-03-01T04:05:06.123456+00:00", "2026-03-01T04:05:06.123Z"],
    ["2026-03-01T00:30:00.25+01:00", "2026-02-28T23:30:00.250Z"],
    ["2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000Z"],
    ["2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"],
  ];
  for (const [given, utc] of cases) assert.deepEqual(traceTime(given), { given, utc });
});

test("what is no instant is not made one", () => {
  const wrong = [
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:61Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.Z",
    "0000-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
  ];
  for (const text of wrong) assert.equal(traceTime(text), undefined, text);
});

test("property: UTC is what a clock makes of it, whichever offset it came with", () => {
  const offset = fc.constantFrom("Z", "+00:00", "+05:45", "-11:00");
  const instant = fc.date({ min: new Date("1000-01-02T00:00:00Z"), max: new Date("9998-12-30"), noInvalidDate: true });
  fc.assert(
    fc.property(instant, offset, (date, zone) => {
      const given = date.toISOString().replace("Z", zone);
      assert.equal(traceTime(given)?.utc, new Date(given).toISOString());
    }),
  );
});
