import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../normalise/draft.ts";
import { auditEvent, draftOf, refusalOf } from "./testing.ts";

const draft = (more: object = {}): Draft => draftOf(auditEvent(more));

describe("times", () => {
  test("keep the offset that they came with, beside UTC", () => {
    const { occurred, recorded } = draft({
      recorded: "2026-03-01T09:00:00.123456+05:30",
      period: { start: "2026-03-01T08:59:00+05:30", end: "2026-03-01T03:29:30Z" },
    });
    assert.deepEqual(recorded, { given: "2026-03-01T09:00:00.123456+05:30", utc: "2026-03-01T03:30:00.123Z" });
    assert.deepEqual([occurred?.start.utc, occurred?.end.given], ["2026-03-01T03:29:00.000Z", "2026-03-01T03:29:30Z"]);
  });

  test("of a period with one end are that one", () => {
    for (const period of [{ start: "2026-03-01T08:00:00Z" }, { end: "2026-03-01T08:00:00Z" }]) {
      const { occurred } = draft({ period });
      assert.deepEqual(
        [occurred?.start.utc, occurred?.end.utc],
        ["2026-03-01T08:00:00.000Z", "2026-03-01T08:00:00.000Z"],
      );
    }
    assert.equal(draft({ period: {} }).occurred, undefined);
  });

  test("of a day, a month or a year are all of it, in the institution's own zone, and flagged", () => {
    for (const [start, from, to, precision] of [
      ["2026-03-01", "2026-02-28T23:00:00.000Z", "2026-03-01T22:59:59.999Z", "day"],
      ["2024-02", "2024-01-31T23:00:00.000Z", "2024-02-29T22:59:59.999Z", "month"],
      ["2026", "2025-12-31T23:00:00.000Z", "2026-12-31T22:59:59.999Z", "year"],
    ] as const) {
      const { occurred, flags: odd } = draft({ period: { start } });
      assert.deepEqual([occurred?.start.utc, occurred?.end.utc], [from, to]);
      assert.deepEqual(odd, ["fhir:assumed-offset", `fhir:time-precision-${precision}`]);
    }
  });

  test("of a period that cannot be, or cannot be read, are left out and flagged", () => {
    for (const period of [
      { start: "2026-03-01T08:00:01Z", end: "2026-03-01T08:00:00Z" },
      { start: "yesterday" },
      { start: "2026-13-01" },
      { start: "2026-03-01T08:00:00" },
    ]) {
      const { occurred, flags: odd } = draft({ period });
      assert.deepEqual([occurred, odd.includes("fhir:unreadable-period")], [undefined, true], JSON.stringify(period));
    }
  });

  test("without which nothing can be told are required", () => {
    for (const recorded of [undefined, "", "2026-03-01", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-14:00"]) {
      assert.deepEqual([refusalOf(auditEvent({ recorded })).at], ["AuditEvent.recorded"], String(recorded));
    }
  });
});
