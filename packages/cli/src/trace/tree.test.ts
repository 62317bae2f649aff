import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccessesAnswer, Edge, LineageAnswer, ServedEvent } from "./answers.ts";
import { traceText } from "./tree.ts";

const event = (id: string, more: Partial<ServedEvent> = {}): ServedEvent => ({
  id: id.padEnd(64, "0"),
  state: "verified",
  institution: "hospital-a",
  source: { type: "AuditEvent" },
  activity: { kind: "read" },
  outcome: "success",
  recorded: { given: "2026-03-01T08:00:00+01:00" },
  purposes: [],
  breakGlass: false,
  agents: [{ id: "hospital-a/Practitioner/7", kind: "person", requestor: true }],
  recipients: [],
  ...more,
});
const standing = { height: 12, ledgerHeight: 12, lag: 0 };
const edge = (from: string, to: string, id = "e1"): Edge => ({
  from,
  to,
  relation: "wasDerivedFrom",
  events: [id.padEnd(64, "0")],
});
const lineage = (edges: readonly Edge[], more: Partial<LineageAnswer> = {}): LineageAnswer => ({
  ...standing,
  record: "R",
  truncated: [],
  nodes: [],
  edges,
  activities: [event("e1")],
  ...more,
});
const accesses = (events: AccessesAnswer["events"], more: Partial<AccessesAnswer> = {}): AccessesAnswer => ({
  ...standing,
  events,
  ...more,
});

describe("trace as text", () => {
  test("shows sources above, what became of it below, and the event that shows each step", () => {
    const text = traceText(lineage([edge("S", "R"), edge("S2", "S"), edge("R", "C")]), accesses([event("a1")]), "both");
    assert.equal(
      text,
      `R

Made from
  └─ S  wasDerivedFrom
        2026-03-01T08:00:00+01:00  read  by hospital-a/Practitioner/7  [AuditEvent, event e10000000000]
     └─ S2  wasDerivedFrom
           2026-03-01T08:00:00+01:00  read  by hospital-a/Practitioner/7  [AuditEvent, event e10000000000]

Became
  └─ C  wasDerivedFrom
        2026-03-01T08:00:00+01:00  read  by hospital-a/Practitioner/7  [AuditEvent, event e10000000000]

Accesses
  2026-03-01T08:00:00+01:00  read  by hospital-a/Practitioner/7  [AuditEvent, event a10000000000]

Checked against the ledger up to block 12
`,
    );
  });

  test("says what is worth a second look", () => {
    const odd = event("a1", {
      purposes: [{ code: "BTG" }],
      breakGlass: true,
      outcome: "serious-failure",
      recipients: ["hospital-b"],
      occurred: { start: { given: "2026-02-01T00:00:00Z" } },
    });
    const text = traceText(
      lineage([]),
      accesses([odd, { id: "bad".padEnd(64, "0"), state: "integrity-failure" }]),
      "both",
    );
    assert.match(text, /2026-02-01T00:00:00Z {2}read .* for BTG {2}to hospital-b {2}BREAK-GLASS {2}serious-failure/);
    assert.match(text, /event bad000000000 is NOT as the ledger has it/);
  });

  test("ends where lineage goes in circles or joins, and says what was cut short or hidden", () => {
    const circle = [edge("A", "R"), edge("B", "A"), edge("A", "B"), edge("B", "R")];
    const text = traceText(
      lineage(circle, { truncated: ["depth"] }),
      accesses([], { nextCursor: "c", hiddenCount: 3, lag: 2 }),
      "up",
    );
    assert.ok(text.split("\n").length < 30);
    assert.match(text, /\(see above\)/);
    assert.match(text, /Cut short by a limit: depth/);
    assert.match(text, /--limit shows more/);
    assert.match(text, /and 3 that this institution may not read/);
    assert.match(text, /2 more are not projected yet/);
    assert.ok(!text.includes("Became"));
  });

  test("lets no id steer the terminal or grow without bound", () => {
    const nasty = `x\u001b[2J\u202e${"y".repeat(5_000)}\n`;
    const text = traceText(
      lineage([edge(nasty, "R")], { record: "R" }),
      accesses([event("a", { recipients: [nasty] })]),
      "both",
    );
    for (const hidden of ["\u001b", "\u202e"]) assert.ok(!text.includes(hidden));
    assert.ok(text.length < 2_000);
  });
});
