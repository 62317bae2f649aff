import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft, DraftAgent } from "../normalise/draft.ts";
import { auditEvent, clearText, draftOf, provenance, refusalOf } from "./testing.ts";

const agentsOf = (...agent: object[]): readonly DraftAgent[] => draftOf(auditEvent({ agent })).agents;
const one = (agent: object): DraftAgent => {
  const [found, ...others] = agentsOf({ requestor: false, ...agent });
  assert.ok(found !== undefined && others.length === 0);
  return found;
};
const typed = (...codes: string[]): object => ({ coding: codes.map((code) => ({ code })) });

describe("what an agent is", () => {
  test("follows from the resource that it is", () => {
    for (const [type, kind] of [
      ["Practitioner", "person"],
      ["PractitionerRole", "person"],
      ["RelatedPerson", "person"],
      ["Device", "device"],
      ["Organization", "institution"],
      ["Endpoint", "software"],
      ["Location", "unknown"],
    ]) {
      const agent = one({ who: { reference: `${type}/1` } });
      assert.deepEqual([agent.id, agent.kind], [`hospital-a/${type}/1`, kind]);
    }
  });

  test("follows from its type or role where its reference does not say", () => {
    for (const [code, kind] of [
      ["110150", "software"],
      ["110151", "software"],
      ["110152", "software"],
      ["110153", "software"],
      ["IRCP", "person"],
      ["AUT", "person"],
      ["INF", "person"],
      ["humanuser", "person"],
      ["DEV", "device"],
      ["CST", "institution"],
      ["PROV", "institution"],
      ["homeCommunityId", "institution"],
      ["authserver", "software"],
      ["unheard-of", "unknown"],
    ] as const) {
      const who = { identifier: { system: "urn:oid:2.999.9", value: "7" } };
      assert.equal(one({ type: typed(code), who }).kind, kind, code);
      assert.equal(one({ role: [typed("other"), typed(code)], who }).kind, kind, code);
    }
    assert.equal(one({ type: typed("110153"), who: { reference: "Practitioner/1" } }).kind, "person");
  });

  test("is a person where nothing says so, but who asked for it", () => {
    assert.equal(one({ requestor: true, who: { identifier: { value: "95" } } }).kind, "person");
    assert.equal(one({ requestor: false, who: { identifier: { value: "95" } } }).kind, "unknown");
  });
});

describe("an agent's roles", () => {
  test("are the codes of its type, then of its roles, each once and without their display", () => {
    const coding = [{ system: "urn:oid:2.999.8", code: "IRCP", display: "information recipient" }, { code: "x" }];
    const role = [
      { coding: [{ code: "x" }] },
      { text: "only words" },
      { coding: [{ code: "ward" }, { display: "no code" }] },
    ];
    const agent = one({ who: { reference: "Practitioner/1" }, type: { coding, text: "reader" }, role });
    assert.deepEqual(agent.roles, ["IRCP", "x", "ward"]);
  });

  test("tell who asked for it", () => {
    const [asked, other] = agentsOf(
      { who: { reference: "Practitioner/1" }, requestor: true },
      { who: { reference: "Device/1" }, requestor: false },
    );
    assert.deepEqual([asked?.requestor, other?.requestor], [true, undefined]);
  });
});

describe("an agent that is the patient", () => {
  const patients = (draft: Draft): unknown[] => draft.persons.map(({ identifiers }) => identifiers);

  test("is the person of the event, and named in the sealed part alone", () => {
    const who = { reference: "Patient/4711", display: "Erika Muster" };
    const draft = draftOf(auditEvent({ agent: [{ who, altId: "erika", name: "E. Muster", requestor: true }] }));
    assert.deepEqual(draft.agents, [{ id: { person: 0 }, kind: "subject", roles: [], requestor: true }]);
    assert.deepEqual(draft.sealed.names, ["E. Muster", "Erika Muster", "erika"]);
    assert.doesNotMatch(clearText(draft), /4711|erika|muster/i);
  });

  test("is known by what its role says, where it is named by no more than an identifier or a login", () => {
    for (const code of ["PATSUBJ", "PAT", "datasubject"]) {
      const byIdentifier = { who: { identifier: { system: "urn:oid:2.999.100", value: "42" } } };
      const byLogin = { altId: "erika" };
      for (const [agent, identifier] of [
        [byIdentifier, { system: "urn:oid:2.999.100", value: "42", scope: "shared" }],
        [byLogin, { system: "AuditEvent.agent.altId", value: "erika", scope: "local" }],
      ] as const) {
        const draft = draftOf(auditEvent({ agent: [{ ...agent, type: typed(code), requestor: true }] }));
        assert.deepEqual(patients(draft), [[identifier]]);
        assert.doesNotMatch(clearText(draft), /erika|"42"|%7C42/);
      }
    }
  });

  test("and the patient of an entity are one person", () => {
    const what = { reference: "Patient/4711", identifier: { system: "urn:oid:2.999.100", value: "42" } };
    const agent = [{ who: { reference: "Patient/4711" }, requestor: true }];
    const { persons, records } = draftOf(auditEvent({ agent, entity: [{ what }] }));
    assert.deepEqual(persons, [
      {
        identifiers: [
          { system: "Patient", value: "4711", scope: "local" },
          { system: "urn:oid:2.999.100", value: "42", scope: "shared" },
        ],
      },
    ]);
    assert.deepEqual(records, [{ id: { person: 0 }, type: "Patient", role: "used" }]);
  });
});

describe("an agent that is an institution", () => {
  test("has the id that the directory knows it by", () => {
    for (const who of [
      { reference: "Organization/hospital-b" },
      { reference: "https://registry.example.org/fhir/Organization/17" },
      { type: "Organization", identifier: { system: "https://registry.example.org/ids", value: "C-77" } },
      { type: "Organization", display: "Hospital B" },
    ]) {
      const agent = one({ who });
      assert.equal(agent.kind, "institution");
      assert.match(String(agent.id), /^(hospital-b|lab-c)$/);
    }
    assert.equal(one({ type: typed("PROV"), who: { identifier: { value: "LABC" } } }).id, "lab-c");
    assert.equal(one({ type: typed("CST"), who: { display: "Hospital B" } }).id, "hospital-b");
  });

  test("is the sender itself by any of its names", () => {
    for (const reference of ["Organization/hospital-a", "Organization/HOSPA", "urn:oid:2.999.1"]) {
      assert.equal(one({ who: { reference } }).id, "hospital-a", reference);
    }
  });

  test("stays as it came where the directory does not know it", () => {
    assert.equal(one({ who: { reference: "Organization/9" } }).id, "hospital-a/Organization/9");
    const url = "https://elsewhere.example.org/Organization/9";
    assert.equal(one({ who: { reference: url } }).id, url);
    assert.deepEqual(
      one({ type: typed("homeCommunityId"), who: { identifier: { value: "urn:oid:2.999.55" } } }).kind,
      "institution",
    );
  });

  test("is never taken from a person's number that reads like its code", () => {
    const agent = one({ requestor: true, who: { identifier: { value: "LABC" } } });
    assert.deepEqual([agent.id, agent.kind], ["hospital-a/Agent/identifier%7CLABC", "person"]);
  });
});

describe("an agent without a reference", () => {
  test("is its login; its name is sealed under it", () => {
    const draft = draftOf(auditEvent({ agent: [{ altId: "jdoe@a", name: "Jane Doe", requestor: true }] }));
    assert.equal(draft.agents[0]?.id, "hospital-a/Agent/jdoe%40a");
    assert.deepEqual(draft.sealed.labels, { "hospital-a/Agent/jdoe%40a": "Jane Doe" });
    assert.doesNotMatch(clearText(draft), /Jane/);
  });

  test("but with a name took part all the same; the name is sealed", () => {
    const draft = draftOf(auditEvent({ agent: [{ who: { display: "Jane Doe" }, requestor: true }] }));
    assert.deepEqual(draft.agents, [
      { id: "hospital-a/Agent/unidentified", kind: "person", roles: [], requestor: true },
    ]);
    assert.deepEqual(draft.sealed.names, ["Jane Doe"]);
    assert.doesNotMatch(clearText(draft), /Jane/);
  });

  test("and without a name is left out and flagged", () => {
    const draft = draftOf(auditEvent({ agent: [{ requestor: true }, { who: {}, requestor: false }] }));
    assert.deepEqual([draft.agents, draft.flags], [[], ["fhir:unidentified-agent"]]);
  });
});

describe("an agent that acted for another", () => {
  const agents = (onBehalfOf: object): readonly DraftAgent[] =>
    draftOf(provenance({ agent: [{ type: typed("author"), who: { reference: "Practitioner/1" }, onBehalfOf }] }))
      .agents;

  test("acted on behalf of it, which is an agent too", () => {
    assert.deepEqual(agents({ reference: "Practitioner/2" }), [
      { id: "hospital-a/Practitioner/1", kind: "person", roles: ["author"], onBehalfOf: "hospital-a/Practitioner/2" },
      { id: "hospital-a/Practitioner/2", kind: "person", roles: [] },
    ]);
  });

  test("is told of by the institution's id where that is one that the directory knows", () => {
    for (const behalf of [
      { reference: "Organization/LABC" },
      { identifier: { system: "https://registry.example.org/ids", value: "C-77" } },
      { type: "Organization", identifier: { value: "LABC" } },
      { type: "Organization", display: "LABC" },
    ]) {
      const [agent, principal] = agents(behalf);
      assert.deepEqual([agent?.onBehalfOf, principal?.id, principal?.kind], ["lab-c", "lab-c", "institution"]);
    }
  });

  test("for the patient: both took part, and the patient is a person of the event", () => {
    const [agent, principal] = agents({ reference: "Patient/4711", display: "Erika Muster" });
    assert.equal(agent?.onBehalfOf, undefined);
    assert.deepEqual(principal, { id: { person: 0 }, kind: "subject", roles: [] });
  });

  test("refuses a wrong reference at its own place", () => {
    const agent = [{ who: { reference: "Practitioner/1" }, onBehalfOf: { reference: "Organization/1", display: 7 } }];
    assert.equal(refusalOf(provenance({ agent })).at, "Provenance.agent[0].onBehalfOf.display");
  });
});
