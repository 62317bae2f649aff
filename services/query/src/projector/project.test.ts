import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "@medtrace/shared/model/bytes";
import { INDEX_ENTRIES_MAX, indexFault, TEXT_CHARS_MAX, textFault } from "@medtrace/shared/model/event-limits";
import { eventBytes, type TraceEvent } from "@medtrace/shared/model/trace-event";
import type { ProjectedEvent } from "@medtrace/shared/ports/projection";
import fc from "fast-check";
import { traceBytes, traceEvent } from "../testing/pipe.ts";
import { project, read } from "./project.ts";

const record = (id: string, role: TraceEvent["records"][0]["role"]): TraceEvent["records"][0] => ({
  id,
  type: "DocumentReference",
  role,
});

function projected(changes: Partial<TraceEvent>): ProjectedEvent {
  const found = project(traceBytes("one", changes), 3, 7);
  assert.ok(found);
  return found.projected;
}

const edges = (changes: Partial<TraceEvent>): string[] =>
  projected(changes).derivations.map(({ from, to, relation }) => `${from} ${relation} ${to}`);

describe("projecting a trace event", () => {
  it("keeps its bytes, its place and what it is found by", () => {
    const bytes = traceBytes("one", { recipients: ["laboratory", "laboratory"] });
    const found = project(bytes, 3, 7);
    assert.ok(found);
    assert.deepEqual(found.event, JSON.parse(Buffer.from(bytes).toString()));
    assert.deepEqual(found.projected, {
      id: traceEvent("one").id,
      index: 3,
      offset: 7,
      bytes,
      institution: "hospital-a",
      recipients: ["laboratory"],
      at: "2026-03-01T08:00:00.000Z",
      facets: [
        { kind: "record", value: "hospital-a/Observation/1" },
        { kind: "agent", value: "hospital-a/Practitioner/1" },
        { kind: "subject", value: "token-1" },
        { kind: "recipient", value: "laboratory" },
      ],
      derivations: [],
      joins: [],
    });
  });

  it("sorts by when it occurred, else by when it was recorded", () => {
    const start = { given: "2025-12-31T23:00:00Z", utc: "2025-12-31T23:00:00.000Z" };
    const end = { given: "2026-01-01T01:00:00Z", utc: "2026-01-01T01:00:00.000Z" };
    assert.equal(projected({ occurred: { start, end } }).at, start.utc);
    assert.equal(projected({ recorded: end }).at, end.utc);
  });

  it("finds an act by the agent that it was done for, and each thing once", () => {
    const acted = {
      id: "hospital-a/Device/1",
      kind: "software",
      roles: [],
      onBehalfOf: "hospital-a/Practitioner/2",
    } as const;
    const facets = projected({
      agents: [acted, acted],
      records: [record("a", "used"), record("a", "generated")],
      subjects: ["token-1", "token-1"],
    }).facets.map(({ kind, value }) => `${kind} ${value}`);
    assert.deepEqual(facets, [
      "record a",
      "agent hospital-a/Device/1",
      "agent hospital-a/Practitioner/2",
      "subject token-1",
    ]);
  });

  it("derives everything that was made from everything it was made of", () => {
    const records = [
      record("s1", "source"),
      record("s2", "source"),
      record("m1", "generated"),
      record("m2", "revised"),
    ];
    assert.deepEqual(edges({ records }), [
      "s1 wasDerivedFrom m1",
      "s1 wasDerivedFrom m2",
      "s2 wasDerivedFrom m1",
      "s2 wasDerivedFrom m2",
    ]);
  });

  it("tells revisions and quotations from other derivations", () => {
    const records = [record("r", "revision"), record("q", "quotation"), record("m", "generated"), record("u", "used")];
    assert.deepEqual(edges({ records }), ["r wasRevisionOf m", "q wasQuotedFrom m"]);
  });

  it("derives nothing from itself, and nothing twice", () => {
    assert.deepEqual(edges({ records: [record("a", "source"), record("a", "revised")] }), []);
    const twice = [record("a", "source"), record("a", "source"), record("b", "generated"), record("b", "revised")];
    assert.deepEqual(edges({ records: twice }), ["a wasDerivedFrom b"]);
  });

  it("derives what survives a merge from what the merge invalidates", () => {
    const records = [record("prior", "invalidated"), record("surviving", "revised")];
    assert.deepEqual(edges({ records, activity: { kind: "merge", codes: [] } }), ["prior wasDerivedFrom surviving"]);
    assert.deepEqual(edges({ records, activity: { kind: "update", codes: [] } }), []);
  });

  it("never derives from a subject, nor a subject from anything", () => {
    const [one, two] = ["urn:medtrace:subject:1", "urn:medtrace:subject:2"];
    const merge = { kind: "merge", codes: [] } as const;
    assert.deepEqual(edges({ records: [record(one, "invalidated"), record(two, "revised")], activity: merge }), []);
    assert.deepEqual(edges({ records: [record(one, "source"), record("a", "generated")] }), []);
    assert.deepEqual(edges({ records: [record("a", "source"), record(two, "generated")] }), []);
  });

  it("derives nothing from an act that failed", () => {
    const records = [record("a", "source"), record("b", "generated")];
    for (const outcome of ["minor-failure", "serious-failure", "major-failure"] as const) {
      assert.deepEqual(edges({ records, outcome }), []);
    }
  });

  it("joins each pair of tokens once, and none with itself", () => {
    const joins: TraceEvent["joins"] = [
      ["b", "a"],
      ["a", "b"],
      ["a", "a"],
      ["c", "a"],
    ];
    assert.deepEqual(projected({ joins }).joins, [
      ["a", "b"],
      ["a", "c"],
    ]);
  });
});

describe("what ingest takes", () => {
  it("is read: an event within the limits that ingest knows is within those of the projector", () => {
    const name = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom("", "x".repeat(TEXT_CHARS_MAX), "é".repeat(TEXT_CHARS_MAX + 1)),
    );
    const role = fc.constantFrom("used", "generated", "revised", "invalidated", "source", "revision", "quotation");
    const names = fc.array(name, { maxLength: 3 });
    const many = fc.oneof(fc.constant(1), fc.constantFrom(100, 200, 260, 600));
    const changes = fc.record({
      kind: fc.constantFrom("create", "merge"),
      names,
      records: fc.array(fc.record({ id: name, type: name, role }), { maxLength: 3 }),
      copies: many,
      recipients: many,
    });
    const counted = { read: 0, refused: 0 };
    fc.assert(
      fc.property(changes, ({ kind, names: said, records, copies, recipients }) => {
        const copied = Array.from({ length: copies }, (_, n) =>
          records.map((one) => ({ ...one, id: `${n}${one.id}` })),
        );
        const event = traceEvent("one", {
          activity: { kind: kind as "create", codes: [] },
          agents: said.map((id) => ({ id, kind: "person", roles: said, onBehalfOf: id })),
          records: copied.flat() as TraceEvent["records"],
          recipients: Array.from({ length: recipients - 1 }, (_, n) => `${n}`),
          consents: said,
        });
        const within = textFault(event) === undefined && indexFault(event, event.subjects.length) === undefined;
        counted[within ? "read" : "refused"] += 1;
        if (within) assert.ok(project(eventBytes(event), 0, 0));
      }),
      { numRuns: 300 },
    );
    assert.ok(counted.read > 20 && counted.refused > 20, JSON.stringify(counted));
  });
});

describe("bytes that are no trace event", () => {
  const faultOf = (bytes: Uint8Array): string => {
    const found = read(bytes, 0, 0);
    assert.ok("fault" in found);
    return found.fault;
  };

  it("are refused wherever one member is missing or of another kind, without telling what stands there", () => {
    const sound = JSON.parse(Buffer.from(traceBytes("one")).toString());
    const secret = "Erika Mustermann";
    let refused = 0;
    const spoil = (value: unknown, set: (other: unknown) => void): void => {
      for (const other of [undefined, null, 7.5, true, {}, [secret], { [secret]: secret }, `${secret}\ud800`]) {
        set(other);
        const found = read(utf8(JSON.stringify(sound)), 0, 0);
        if ("fault" in found) {
          refused += 1;
          assert.ok(!found.fault.includes(secret));
        }
        set(value);
      }
      if (typeof value !== "object" || value === null) return;
      for (const key of Object.keys(value)) {
        const holder = value as Record<string, unknown>;
        spoil(holder[key], (member) => {
          holder[key] = member;
        });
      }
    };
    for (const key of Object.keys(sound)) {
      spoil(sound[key], (other) => {
        sound[key] = other;
      });
    }
    assert.ok(project(utf8(JSON.stringify(sound)), 0, 0));
    assert.ok(refused > 200, String(refused));
  });

  it("are refused for another version, an id that is none, a kind or a role that there is not", () => {
    assert.match(faultOf(traceBytes("one", { format: 2 as 1 })), /format/);
    assert.match(faultOf(traceBytes("one", { id: "F".repeat(64) })), /id/);
    assert.match(faultOf(traceBytes("one", { activity: { kind: "erase" as "read", codes: [] } })), /activity.kind/);
    assert.match(faultOf(traceBytes("one", { records: [record("a", "owned" as "used")] })), /records.role/);
    assert.match(faultOf(traceBytes("one", { outcome: "toString" as "success" })), /outcome/);
  });

  it("are refused for a time that no calendar has", () => {
    for (const utc of ["2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-01-01T00:00:00Z", "yesterday"]) {
      assert.ok(faultOf(traceBytes("one", { recorded: { given: utc, utc } })));
    }
  });

  it("are refused where two long lists would multiply", () => {
    const many = Array.from({ length: 300 }, (_, i) => `name ${i}`);
    const sources = many.map((id) => record(id, "source"));
    const made = many.map((id) => record(`made of ${id}`, "generated"));
    assert.ok(300 * 300 > INDEX_ENTRIES_MAX);
    assert.match(faultOf(traceBytes("one", { records: [...sources, ...made] })), /sources/);
    assert.match(faultOf(traceBytes("one", { records: sources, recipients: many })), /recipients/);
  });

  it("never throw, whatever they are", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(bytes, 0, 0)));
    fc.assert(fc.property(fc.json(), (text) => void read(utf8(text), 0, 0)));
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    for (const text of ["", "null", "[]", '{"__proto__":{"format":1}}', deep, `{"format":1,"agents":${deep}}`]) {
      assert.ok(faultOf(utf8(text)));
    }
  });

  it("are read or refused with any member put in the place of any other", () => {
    const members = Object.keys(traceEvent("one"));
    fc.assert(
      fc.property(fc.constantFrom(...members), fc.jsonValue(), (member, value) => {
        const found = read(eventBytes({ ...traceEvent("one"), [member]: value } as TraceEvent), 0, 0);
        if ("fault" in found) return;
        assert.equal(new Date(found.projected.at).toISOString(), found.projected.at);
      }),
    );
  });
});
