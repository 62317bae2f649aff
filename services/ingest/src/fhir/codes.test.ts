import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { draftOfResource } from "./resource.ts";

const context: MappingContext = {
  institution: "hospital-a",
  zone: "+00:00",
  directory: { resolve: (name) => name, isShared: () => false },
};

function auditEvent(more: object): Draft {
  const resource = {
    resourceType: "AuditEvent",
    type: { code: "rest" },
    action: "R",
    outcome: "0",
    recorded: "2026-01-01T00:00:00Z",
    agent: [{ who: { reference: "Practitioner/1" }, requestor: true }],
    entity: [{ what: { reference: "Observation/1" } }],
  };
  return draftOfResource({ ...resource, ...more }, context);
}

for (const name of Object.getOwnPropertyNames(Object.prototype)) {
  test(`the code ${name}, which every JavaScript object has a member of, is a code like any other unknown one`, () => {
    assert.equal(auditEvent({ action: name }).activity.kind, "execute");
    assert.equal(auditEvent({ outcome: name }).outcome, "success");
    assert.deepEqual(
      auditEvent({ outcome: name }).flags.filter((flag) => flag.includes("outcome")),
      ["fhir:unknown-outcome"],
    );
    assert.equal(auditEvent({ action: undefined, subtype: [{ code: name }] }).activity.kind, "execute");
    const agent = { who: { reference: `${name}/1` }, type: { coding: [{ code: name }] } };
    assert.equal(auditEvent({ agent: [agent] }).agents[0]?.kind, "unknown");
    const provenance = {
      resourceType: "Provenance",
      target: [{ reference: "Observation/1" }],
      recorded: "2026-01-01T00:00:00Z",
      agent: [{ who: { reference: "Practitioner/1" } }],
      entity: [{ role: name, what: { reference: "Observation/2" } }],
    };
    assert.deepEqual(
      draftOfResource(provenance, context).records.map(({ role }) => role),
      ["generated", "used"],
    );
  });
}

test("half of a surrogate pair, in whatever text, is refused at its place: it has no canonical form", () => {
  for (const [more, at] of [
    [{ note: "\ud800" }, "AuditEvent.note"],
    [{ text: { div: ["x", "\udc00"] } }, "AuditEvent.text.div[1]"],
    [{ agent: [{ name: "x", "\udc00": 1 }] }, "AuditEvent.agent[0]"],
    [{ entity: [{ policy: ["\udc00\ud800"] }] }, "AuditEvent.entity[0].policy[0]"],
    [{ agent: [{ name: "\ud800" }] }, "AuditEvent.agent[0].name"],
  ] as const) {
    assert.throws(
      () => auditEvent(more),
      (error: unknown) => hasCode(error, "INPUT_MALFORMED", "INPUT_INVALID") && error.at === at,
    );
  }
});
