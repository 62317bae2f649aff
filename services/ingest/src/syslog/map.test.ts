import assert from "node:assert/strict";
import test from "node:test";
import { type ErrorCode, hasCode } from "@medtrace/shared/errors";
import fc from "fast-check";
import type { Draft } from "../normalise/draft.ts";
import { draftOfSyslog } from "./map.ts";
import { type AuditParts, auditMessage, CONTEXT, PATIENT_NUMBER, syslog } from "./testing.ts";

const draftOf = (parts: AuditParts = {}, head?: string): Draft =>
  draftOfSyslog(syslog(auditMessage(parts), head), CONTEXT);

function refused(content: string, code: ErrorCode, at?: string): void {
  assert.throws(
    () => draftOfSyslog(syslog(content), CONTEXT),
    (error: unknown) => hasCode(error, code) && (at === undefined || error.at === at),
  );
}

const DCM = "http://dicom.nema.org/resources/ontology/DCM";

test("an audit message says who did what to which record, when and with what outcome", () => {
  const draft = draftOf();
  assert.equal(draft.format, "dicom-audit");
  assert.equal(draft.type, "AuditMessage");
  assert.equal(draft.system, "north-hospital/Device/pacs-1");
  assert.deepEqual(draft.activity, { kind: "read", codes: [{ system: DCM, code: "110103" }] });
  assert.equal(draft.outcome, "success");
  assert.equal(draft.recorded.utc, "2026-01-15T01:30:00.000Z");
  assert.deepEqual(
    draft.agents.map(({ id, kind, requestor }) => ({ id, kind, requestor })),
    [
      { id: "north-hospital/Practitioner/dr.house", kind: "person", requestor: true },
      { id: "north-hospital/Device/PACS", kind: "device", requestor: undefined },
    ],
  );
  assert.deepEqual(draft.records, [
    { id: "urn:oid:1.2.840.99.1", type: "ImagingStudy", role: "used" },
    { id: { person: 0 }, type: "Patient", role: "associated" },
  ]);
  assert.deepEqual(draft.flags, []);
});

test("the patient goes to the vault, and with names, addresses and texts into the sealed part alone", () => {
  const objects =
    `<ParticipantObjectIdentification ParticipantObjectID="${PATIENT_NUMBER}^^^CITYLAB" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1">` +
    '<ParticipantObjectIDTypeCode csd-code="2"/><ParticipantObjectName>Erika Muster</ParticipantObjectName>' +
    '<ParticipantObjectDetail type="MRN" value="c2VjcmV0"/></ParticipantObjectIdentification>' +
    '<ParticipantObjectIdentification ParticipantObjectID="555-01" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="10">' +
    '<ParticipantObjectIDTypeCode csd-code="7"/><ParticipantObjectName>Otto Muster</ParticipantObjectName></ParticipantObjectIdentification>' +
    '<ParticipantObjectIdentification ParticipantObjectID="ITI-47" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="24">' +
    '<ParticipantObjectIDTypeCode csd-code="ITI-47"/><ParticipantObjectQuery>TXVzdGVy</ParticipantObjectQuery></ParticipantObjectIdentification>';
  const { persons, sealed, raw: _, ...clear } = draftOf({ objects });
  assert.deepEqual(persons, [{ identifiers: [{ system: "CITYLAB", value: PATIENT_NUMBER, scope: "local" }] }]);
  for (const secret of [PATIENT_NUMBER, "Muster", "House", "10.0.0.7", "555-01", "c2VjcmV0", "TXVzdGVy"]) {
    assert.ok(!JSON.stringify(clear).includes(secret), secret);
    assert.ok(JSON.stringify(sealed).includes(secret), secret);
  }
});

test("a patient's number has the system that HL7 v2 has for it", () => {
  const systems = (id: string): string | undefined =>
    draftOf({
      objects: `<ParticipantObjectIdentification ParticipantObjectID="${id}" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1"/>`,
    }).persons.map(({ identifiers: [one] }) => `${one?.system} ${one?.value} ${one?.scope}`)[0];
  assert.equal(systems("7^^^&amp;1.2.3&amp;ISO"), "urn:oid:1.2.3 7 local");
  assert.equal(systems("7^^^WARD&amp;1.2.3&amp;ISO^MR"), "urn:oid:1.2.3 7 local");
  assert.equal(systems("7^^^WARD"), "WARD 7 local");
  assert.equal(systems("7^^^^MR"), "MR 7 local");
  assert.equal(systems("7"), "PID-3 7 local");
  assert.equal(systems("7^^^&amp;2.16.840.1.113883.4.1&amp;ISO"), "urn:oid:2.16.840.1.113883.4.1 7 shared");
});

test("the older form of RFC 3881 is read alike", () => {
  const event =
    '<EventIdentification EventActionCode="E" EventDateTime="2026-01-15T01:30:00Z" EventOutcomeIndicator="8">' +
    '<EventID code="110112" codeSystemName="DCM" displayName="Query"/><EventTypeCode code="ITI-18" codeSystemName="IHE Transactions"/></EventIdentification>';
  const draft = draftOf({ event }, "<80>1 2026-01-15T01:30:01Z host CDA_EDITOR 123 IHE+RFC-3881 -");
  assert.deepEqual(draft.activity, {
    kind: "execute",
    codes: [
      { system: DCM, code: "110112" },
      { system: "urn:ihe:event-type-code", code: "ITI-18" },
    ],
  });
  assert.equal(draft.outcome, "serious-failure");
  assert.equal(draft.records[0]?.role, "associated");
});

test("an export is a disclosure to the destination, as the directory knows it", () => {
  const event =
    '<EventIdentification EventActionCode="R" EventDateTime="2026-01-15T01:30:00Z" EventOutcomeIndicator="0"><EventID csd-code="110106" codeSystemName="DCM"/></EventIdentification>';
  const destination = (id: string): string =>
    `<ActiveParticipant UserID="${id}" UserIsRequestor="false"><RoleIDCode csd-code="110152" codeSystemName="DCM"/></ActiveParticipant>`;
  const known = draftOf({ event, participants: destination("CITYLAB") });
  assert.equal(known.activity.kind, "disclose");
  assert.deepEqual(known.recipients, ["city-lab"]);
  assert.deepEqual(draftOf({ event, participants: destination("ELSEWHERE") }).recipients, [
    "north-hospital/Device/ELSEWHERE",
  ]);
});

test("an address in the place of a user's id is sealed, and the other id is taken", () => {
  const participants =
    '<ActiveParticipant UserID="10.1.2.3" AlternativeUserID="4711" UserIsRequestor="true" NetworkAccessPointID="10.1.2.3"/>' +
    '<ActiveParticipant UserID="node.example" UserIsRequestor="false" NetworkAccessPointID="node.example"/>' +
    '<ActiveParticipant UserID="https://xds.example/registry" UserIsRequestor="false"/>';
  const draft = draftOf({ participants });
  assert.deepEqual(
    draft.agents.map(({ id }) => id),
    ["north-hospital/Practitioner/4711", "north-hospital/Agent/unidentified", "https://xds.example/registry"],
  );
  assert.deepEqual(draft.sealed.network, ["10.1.2.3", "node.example"]);
});

test("what is odd is taken and flagged", () => {
  const event = '<EventIdentification EventDateTime="2026-01-15T01:30:00"><EventID code="x"/></EventIdentification>';
  const draft = draftOf({ event, source: "" }, "<85>1 - host - - - -");
  assert.equal(draft.recorded.given, "2026-01-15T01:30:00+01:00");
  assert.equal(draft.system, "north-hospital/Device/host");
  assert.deepEqual(draft.flags, [
    "atna:assumed-offset",
    "atna:missing-action",
    "atna:missing-outcome",
    "atna:unknown-message-id",
  ]);
});

test("a query that holds a whole request is kept as far as texts are, and does not cost the trace", () => {
  const objects =
    '<ParticipantObjectIdentification ParticipantObjectID="q" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="24">' +
    `<ParticipantObjectQuery>${"QUJD".repeat(50_000)}</ParticipantObjectQuery>` +
    `<ParticipantObjectDetail type="request" value="${"REVG".repeat(50_000)}"/></ParticipantObjectIdentification>`;
  const draft = draftOf({ objects });
  assert.deepEqual(draft.flags, ["atna:text-cut"]);
  assert.deepEqual(
    draft.sealed.text?.map(({ length }) => length),
    [65_536, 65_536],
  );
});

test("the same message is the same event, whatever header it comes with again", () => {
  const first = draftOf();
  const again = draftOf({}, "<85>1 2026-01-15T02:00:00Z pacs.example PACS 9 DICOM+RFC3881 -");
  assert.deepEqual([again.raw, again.system, again.messageId], [first.raw, first.system, undefined]);
});

test("what is no audit message, or lacks what makes it one, is refused at its place", () => {
  refused("", "INPUT_MALFORMED");
  refused("a line of text", "INPUT_MALFORMED");
  refused("<Other/>", "INPUT_UNSUPPORTED", "MSG");
  refused("<AuditMessage/>", "INPUT_INVALID", "EventIdentification");
  refused(auditMessage({ event: "<EventIdentification/>" }), "INPUT_INVALID", "EventIdentification/EventID");
  const timed = (time: string): string =>
    auditMessage({ event: `<EventIdentification ${time}><EventID code="1"/></EventIdentification>` });
  refused(timed(""), "INPUT_INVALID", "EventIdentification/@EventDateTime");
  refused(timed('EventDateTime="yesterday"'), "INPUT_INVALID", "EventIdentification/@EventDateTime");
  refused(auditMessage({ participants: "" }), "INPUT_INVALID");
});

test("property: a message with bytes changed anywhere is read or refused by a known code", () => {
  const whole = syslog(auditMessage());
  const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.nat(whole.length), (edits, length) => {
      const bytes = Buffer.from(whole.subarray(0, edits.length % 2 === 0 ? length : whole.length));
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
      try {
        draftOfSyslog(bytes, CONTEXT);
      } catch (error) {
        assert.ok(
          hasCode(error, "INPUT_MALFORMED", "INPUT_INVALID", "INPUT_UNSUPPORTED", "INPUT_TOO_LARGE"),
          String((error as Error).stack),
        );
      }
    }),
    { numRuns: 2_000 },
  );
});
