import assert from "node:assert/strict";
import test from "node:test";
import {
  DERIVATION_CHARS_MAX,
  INDEX_ENTRIES_MAX,
  type Indexed,
  indexFault,
  TEXT_CHARS_MAX,
  type Texts,
  textFault,
} from "./event-limits.ts";
import { traceTime } from "./time.ts";
import type { RecordRole } from "./trace-event.ts";

const EVENT: Texts = {
  institution: "hospital-a",
  source: { flags: ["balp:no-patient"] },
  consents: ["hospital-a/Consent/1"],
  agents: [{ id: "hospital-a/Practitioner/1", roles: ["IRCP"], onBehalfOf: "hospital-b" }],
  records: [{ id: "hospital-a/Observation/1", type: "Observation", version: "2" }],
  recipients: ["lab-c"],
  subjects: ["AAECAwQFBgcICQoLDA0ODw"],
  correlation: "76d148b6",
};

/** The event with one text replaced, for every text that it has. */
function replaced(text: string): [string, Texts][] {
  const [agent] = EVENT.agents;
  const [record] = EVENT.records;
  assert.ok(agent !== undefined && record !== undefined);
  return [
    ["institution", { ...EVENT, institution: text }],
    ["source.flags", { ...EVENT, source: { flags: [text] } }],
    ["consents", { ...EVENT, consents: [text] }],
    ["agents.id", { ...EVENT, agents: [agent, { ...agent, id: text }] }],
    ["agents.roles", { ...EVENT, agents: [{ ...agent, roles: ["IRCP", text] }] }],
    ["agents.onBehalfOf", { ...EVENT, agents: [{ ...agent, onBehalfOf: text }] }],
    ["records.id", { ...EVENT, records: [{ ...record, id: text }] }],
    ["records.type", { ...EVENT, records: [{ ...record, type: text }] }],
    ["records.version", { ...EVENT, records: [{ ...record, version: text }] }],
    ["recipients", { ...EVENT, recipients: [text] }],
    ["subjects", { ...EVENT, subjects: [text] }],
    ["correlation", { ...EVENT, correlation: text }],
  ];
}

test("a text of any member that is empty or too long is named; one of the limit is none", () => {
  assert.equal(textFault(EVENT), undefined);
  for (const text of ["", "x".repeat(TEXT_CHARS_MAX + 1)]) {
    for (const [at, event] of replaced(text)) assert.equal(textFault(event)?.at, at);
  }
  for (const [at, event] of replaced("x".repeat(TEXT_CHARS_MAX))) assert.equal(textFault(event), undefined, at);
});

const listed = (role: RecordRole, length: number, id: unknown = "r"): { id: unknown; role: RecordRole }[] =>
  Array.from({ length }, () => ({ id, role }));
const indexed = (more: Partial<Indexed>): Indexed => ({
  activity: { kind: "create" },
  agents: [],
  records: [],
  recipients: [],
  ...more,
});

test("facets times those who may see them are limited", () => {
  const recipients = Array(255).fill("r");
  assert.equal(indexFault(indexed({ recipients }), 1), undefined, "256 facets for 256 viewers");
  assert.equal(indexFault(indexed({ recipients }), 2)?.at, "recipients");
  assert.equal(indexFault(indexed({ agents: Array(INDEX_ENTRIES_MAX / 2).fill("a") }), 0), undefined);
  assert.equal(indexFault(indexed({ agents: Array(INDEX_ENTRIES_MAX / 2).fill("a") }), 1)?.at, "agents");
  assert.equal(indexFault(indexed({ records: listed("used", INDEX_ENTRIES_MAX) }), 0), undefined);
  assert.equal(indexFault(indexed({ records: listed("used", INDEX_ENTRIES_MAX + 1) }), 0)?.at, "records");
});

test("what was made times what it was made of is limited", () => {
  for (const role of ["source", "revision", "quotation"] as const) {
    const records = [...listed(role, 256), ...listed("generated", 128), ...listed("revised", 128)];
    assert.equal(indexFault(indexed({ records }), 0), undefined, role);
    assert.equal(indexFault(indexed({ records: [...records, ...listed(role, 1)] }), 0)?.at, "records", role);
  }
  const records = [...listed("invalidated", 257), ...listed("generated", 256)];
  assert.equal(indexFault(indexed({ records }), 0), undefined, "what is gone was no source");
  assert.equal(indexFault(indexed({ records, activity: { kind: "merge" } }), 0)?.at, "records", "but that of a merge");
});

test("the ids that derivations repeat are limited", () => {
  const long = (role: RecordRole, chars: number): { id: unknown; role: RecordRole }[] =>
    listed(role, 32, "x".repeat(chars));
  const fits = DERIVATION_CHARS_MAX / (2 * 32 * 32);
  const records = (chars: number): Indexed =>
    indexed({ records: [...long("source", chars), ...long("generated", fits)] });
  assert.equal(indexFault(records(fits), 0), undefined);
  assert.equal(indexFault(records(fits + 1), 0)?.at, "records");
  const few = [...listed("source", 8, "x".repeat(TEXT_CHARS_MAX)), ...listed("revised", 8, "x".repeat(TEXT_CHARS_MAX))];
  assert.equal(indexFault(indexed({ records: few }), 0), undefined, "a few records never are");
});

test("a time whose offset leads out of the years of four digits is none", () => {
  assert.equal(traceTime("9999-12-31T23:59:59-00:01"), undefined);
  assert.equal(traceTime("0000-01-01T00:00:00+00:01"), undefined);
  assert.equal(traceTime("9999-12-31T23:59:59Z")?.utc, "9999-12-31T23:59:59.000Z");
  assert.equal(traceTime("0000-01-01T00:00:00Z")?.utc, "0000-01-01T00:00:00.000Z");
});
