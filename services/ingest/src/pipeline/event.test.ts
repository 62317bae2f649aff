import assert from "node:assert/strict";
import { createSecretKey, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { unseal } from "@medtrace/shared/model/seal";
import { traceTimeOf } from "@medtrace/shared/model/time";
import { eventBytes, subjectRecordId, type TraceEvent } from "@medtrace/shared/model/trace-event";
import type { Subject } from "@medtrace/shared/ports/vault";
import type { Draft } from "../normalise/draft.ts";
import { NO_SUBJECT, sealingSubject, traceEvent } from "./event.ts";
import { draft, NOW_MS } from "./testing.ts";
import { createVeil } from "./veil.ts";

const ID = "ab".repeat(32);
const KEY: KeyObject = createSecretKey(Buffer.alloc(32, 7));
const ERIKA: Subject = { token: "erika-token-0000000000", also: [] };
const OTTO: Subject = { token: "otto-token-00000000000", also: ["a-token-that-otto-had-0"] };

function event(from: Draft, subjects: readonly Subject[] = [ERIKA]): TraceEvent {
  let filled = 0;
  return traceEvent(from, {
    id: ID,
    institution: "hospital-a",
    digest: "hmac-sha256:00",
    received: traceTimeOf(NOW_MS),
    subjects,
    dataKey: KEY,
    veil: createVeil(
      "hospital-a",
      from.persons.flatMap(({ identifiers }) => identifiers.map(({ value }) => value)),
      (text) => `digest-${text.length}`,
    ),
    random: (length) => new Uint8Array(length).fill(++filled),
  });
}

test("a patient is their token wherever the draft names them: agent, record, subject", () => {
  const { agents, records, subjects } = event(
    draft("x", {
      agents: [{ id: { person: 0 }, kind: "subject", roles: [], requestor: true }],
      records: [{ id: { person: 0 }, type: "Patient", version: "2", role: "used" }],
    }),
  );
  const id = subjectRecordId(ERIKA.token);
  assert.deepEqual(agents, [{ id, kind: "subject", roles: [], requestor: true }]);
  assert.deepEqual(records, [{ id, type: "Patient", version: "2", role: "used" }]);
  assert.deepEqual(subjects, [ERIKA.token]);
});

test("what identifies a person opens with the subject's key, and stands nowhere else", () => {
  const sealed = {
    identifiers: [{ system: "Patient", value: "47110815" }],
    names: ["Erika Muster"],
    network: ["192.0.2.7"],
    text: ["allergic to nuts"],
    labels: { "hospital-a/Practitioner/1": "Dr. No" },
  };
  const made = event(draft("message-7", { sealed }));
  assert.equal(made.sealed.subject, ERIKA.token);
  assert.deepEqual(unseal(made.sealed, KEY, ID), { ...sealed, messageId: "message-7" });
  const clear = Buffer.from(eventBytes(made)).toString();
  assert.doesNotMatch(clear, /47110815|Muster|192\.0\.2\.7|nuts|Dr\. No|message-7/);
});

test("an event about nobody is sealed under the institution's own key", () => {
  const made = event(draft("x", { persons: [] }), []);
  assert.deepEqual([made.sealed.subject, made.subjects], [NO_SUBJECT, []]);
  assert.equal(sealingSubject([]), NO_SUBJECT);
  assert.equal(sealingSubject([OTTO, ERIKA]), OTTO.token);
});

test("ids that repeat a patient's identifier are veiled, alike wherever they stand; labels follow them", () => {
  const report = "hospital-a/DiagnosticReport/47110815-2";
  const login = "hospital-a/Practitioner/47110815";
  const made = event(
    draft("x", {
      agents: [
        { id: login, kind: "person", roles: [] },
        { id: "hospital-a/Device/1", kind: "device", roles: [], onBehalfOf: login },
      ],
      records: [{ id: report, type: "DiagnosticReport", role: "used" }],
      consents: ["hospital-a/Consent/47110815"],
      recipients: ["hospital-b", "hospital-a/Agent/identifier%7C47110815"],
      system: "hospital-a/Device/phone-of-47110815",
      sealed: { labels: { [login]: "Dr. No" } },
    }),
  );
  const veiled = `hospital-a/Agent/veiled-digest-${login.length}`;
  assert.deepEqual(
    made.agents.map(({ id, onBehalfOf }) => onBehalfOf ?? id),
    [veiled, veiled],
  );
  assert.equal(made.records[0]?.id, `hospital-a/DiagnosticReport/veiled-digest-${report.length}`);
  assert.equal(made.recipients[0], "hospital-b");
  assert.match(made.consents[0] ?? "", /^hospital-a\/Consent\/veiled-/);
  assert.deepEqual(unseal(made.sealed, KEY, ID).labels, { [veiled]: "Dr. No" });
  assert.doesNotMatch(Buffer.from(eventBytes(made)).toString(), /47110815/);
});

test("joins are what the draft says, and what one person's identifiers showed; each pair once, in order", () => {
  const persons = [{ identifiers: [] }, { identifiers: [] }];
  const { joins, subjects } = event(
    draft("x", {
      persons,
      joins: [
        [0, 1],
        [1, 0],
        [0, 0],
      ],
    }),
    [ERIKA, OTTO],
  );
  assert.deepEqual(joins, [
    [ERIKA.token, OTTO.token],
    ["a-token-that-otto-had-0", OTTO.token],
  ]);
  assert.deepEqual(subjects, [ERIKA.token, OTTO.token]);
  assert.deepEqual(event(draft("x", { persons }), [ERIKA, ERIKA]).subjects, [ERIKA.token]);
});

test("what a draft does not say, its event does not have", () => {
  const made = event(draft("x"));
  for (const member of ["occurred", "correlation"]) assert.ok(!(member in made), member);
  for (const member of ["version"]) assert.ok(!(member in (made.records[0] ?? {})), member);
  for (const member of ["onBehalfOf"]) assert.ok(!(member in (made.agents[0] ?? {})), member);
  const time = traceTimeOf(NOW_MS);
  const full = event(draft("x", { occurred: { start: time, end: time }, correlation: "76d148b6" }));
  assert.deepEqual([full.occurred, full.correlation], [{ start: time, end: time }, "76d148b6"]);
});

test("every event has a nonce of 32 bytes and an IV of 12 that no other part shares", () => {
  const { nonce, sealed } = event(draft("x"));
  assert.equal(Buffer.from(nonce, "base64url").length, 32);
  assert.equal(Buffer.from(sealed.iv, "base64url").length, 12);
  assert.notEqual(nonce.slice(0, 12), sealed.iv.slice(0, 12));
});

test("a draft that names a person whom it does not have is a fault of its mapping", () => {
  assert.throws(
    () => event(draft("x", { records: [{ id: { person: 1 }, type: "Patient", role: "used" }] })),
    RangeError,
  );
});
