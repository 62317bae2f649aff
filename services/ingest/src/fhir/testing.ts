/** What the tests of the FHIR mapping share: a platform with a directory, and plain resources to change one thing of. */
import assert from "node:assert/strict";
import { MedtraceError } from "@medtrace/shared/errors";
import { createDirectory, type Directory } from "@medtrace/shared/model/directory";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { draftOfResource } from "./resource.ts";

/** A directory in which institutions go by an id, a name, an OID and the URL of their Organization resource. */
export const DIRECTORY: Directory = createDirectory({
  institutions: [
    { id: "hospital-a", aliases: ["HOSPA", "urn:oid:2.999.1"] },
    {
      id: "hospital-b",
      aliases: ["Hospital B", "https://registry.example.org/fhir/Organization/17", "urn:oid:2.999.2"],
    },
    { id: "lab-c", aliases: ["LABC", "https://registry.example.org/ids|C-77"] },
  ],
  sharedIdentifierSystems: ["urn:oid:2.999.100", "urn:ietf:rfc:3986"],
});

export const CONTEXT: MappingContext = { institution: "hospital-a", zone: "+01:00", directory: DIRECTORY };

/** An AuditEvent (R4) that is taken without flags: a practitioner read an observation. */
export function auditEvent(more: object = {}): Record<string, unknown> {
  return {
    resourceType: "AuditEvent",
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
    subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: "read" }],
    action: "R",
    recorded: "2026-01-02T03:04:05+01:00",
    outcome: "0",
    agent: [{ who: { reference: "Practitioner/p1" }, requestor: true }],
    source: { observer: { reference: "Device/gateway" } },
    entity: [{ what: { reference: "Observation/o1" } }],
    ...more,
  };
}

/** A Provenance (R4) that is taken without flags: a practitioner made a report. */
export function provenance(more: object = {}): Record<string, unknown> {
  return {
    resourceType: "Provenance",
    target: [{ reference: "DiagnosticReport/r1" }],
    recorded: "2026-01-02T03:04:05+01:00",
    agent: [{ who: { reference: "Practitioner/p1" } }],
    ...more,
  };
}

/** The draft that a resource is mapped to, as it would arrive: through JSON. */
export function draftOf(resource: object): Draft {
  return draftOfResource(JSON.parse(JSON.stringify(resource)), CONTEXT);
}

/** Everything of a draft that would be clear in its event: all but the sealed part, the source bytes and the persons. */
export function clearText({ sealed: _sealed, raw: _raw, persons: _persons, ...clear }: Draft): string {
  return JSON.stringify(clear);
}

/** The refusal that a resource meets. */
export function refusalOf(resource: unknown): MedtraceError {
  try {
    draftOfResource(resource, CONTEXT);
  } catch (error) {
    assert.ok(error instanceof MedtraceError, `threw ${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: "was taken" });
}
