import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { auditEvent, draftOf } from "./testing.ts";

const DCM = "http://dicom.nema.org/resources/ontology/DCM";
const PATIENT = { type: { code: "1" }, role: { code: "1" }, what: { reference: "Patient/1" } };
const DATA = { type: { code: "2" }, role: { code: "4" }, what: { reference: "Observation/1" } };
const QUERY = { type: { code: "2" }, role: { code: "24" }, query: "P3g9MQ==" };
const CONSENT = {
  type: { system: "http://hl7.org/fhir/resource-types", code: "Consent" },
  what: { reference: "Consent/1" },
};

const agents = (...codes: string[]): object[] =>
  codes.map((code, i) => ({
    type: { coding: [{ code }] },
    who: { reference: `Device/${i}` },
    requestor: i === 0,
  }));
const claiming = (...names: string[]): object => ({
  meta: {
    profile: names.map((name) => `https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.${name}`),
  },
});
const rest = (subtype: string, action: string, more: object): object => ({
  type: { code: "rest" },
  subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: subtype }],
  action,
  agent: agents("110153", "110152"),
  ...more,
});
const found = (event: object): [readonly string[], readonly string[]] => {
  const { patterns = [], flags } = draftOf(auditEvent(event));
  return [patterns, flags];
};

/** What each pattern looks like where it is kept. */
const KEPT: readonly (readonly [name: string, event: object])[] = [
  ["Create", rest("create", "C", { entity: [DATA] })],
  ["PatientCreate", rest("create", "C", { entity: [DATA, PATIENT] })],
  ["Read", rest("vread", "R", { entity: [DATA] })],
  ["PatientRead", rest("read", "R", { entity: [PATIENT, DATA] })],
  ["Update", rest("update", "U", { entity: [DATA] })],
  ["PatientUpdate", rest("patch", "U", { entity: [PATIENT, DATA] })],
  ["Delete", rest("delete", "D", { entity: [DATA], agent: agents("110150", "custodian") })],
  ["PatientDelete", rest("delete", "D", { entity: [DATA, PATIENT], agent: agents("custodian", "110150", "CST") })],
  ["Query", rest("search", "E", { entity: [QUERY] })],
  ["PatientQuery", rest("search-type", "E", { entity: [QUERY, PATIENT] })],
  [
    "PrivacyDisclosure.Source",
    {
      type: { system: DCM, code: "110106" },
      subtype: [{ code: "disclose" }],
      agent: agents("110153", "110152"),
      entity: [PATIENT, DATA],
    },
  ],
  [
    "PrivacyDisclosure.Recipient",
    {
      type: { system: DCM, code: "110107" },
      subtype: [{ code: "disclose" }],
      action: "C",
      agent: agents("110153", "110152"),
      entity: [PATIENT, DATA],
    },
  ],
  [
    "AuthZconsent",
    {
      type: { system: DCM, code: "110113" },
      subtype: [{ code: "AuthZ-Consent" }],
      action: "E",
      agent: agents("110150", "IRCP", "PROV", "authserver"),
      entity: [PATIENT, CONSENT],
    },
  ],
];

describe("a pattern that is kept", () => {
  for (const [name, event] of KEPT) {
    test(`is known by its shape, and by its claim: ${name}`, () => {
      assert.deepEqual(found(event), [[name], []]);
      assert.deepEqual(found({ ...event, ...claiming(name) }), [[name], []]);
    });
  }

  test("of a token's use stands beside that of what it was used for", () => {
    const event = rest("read", "R", { entity: [DATA, PATIENT], agent: agents("110153", "110152", "UserOauthAgent") });
    for (const token of ["Comprehensive", "Minimal", "Opaque"]) {
      const claimed = claiming("PatientRead", `OAUTHaccessTokenUse.${token}`);
      assert.deepEqual(found({ ...event, ...claimed }), [[`OAUTHaccessTokenUse.${token}`, "PatientRead"], []]);
    }
    const saml = { agent: agents("UserSamlAgent"), ...claiming("SAMLaccessTokenUse.Minimal|1.1.3") };
    assert.deepEqual(found(saml), [["SAMLaccessTokenUse.Minimal"], []]);
  });

  test("may be kept by agents that nothing says who they are", () => {
    const agent = [
      { type: { coding: [{ code: "UserOauthAgent" }] }, policy: ["jti"], requestor: true },
      ...agents("110153"),
    ];
    assert.deepEqual(found({ agent, ...claiming("OAUTHaccessTokenUse.Opaque") }), [
      ["OAUTHaccessTokenUse.Opaque"],
      ["fhir:unidentified-agent"],
    ]);
  });
});

describe("a pattern that is claimed and not kept", () => {
  const read = (more: object): readonly string[] =>
    found({ ...rest("read", "R", { entity: [DATA, PATIENT] }), ...claiming("PatientRead"), ...more })[1];

  test("is flagged by what is missing, and taken", () => {
    assert.deepEqual(read({ entity: [DATA] }), ["balp:no-patient"]);
    assert.deepEqual(read({ entity: [PATIENT] }), []);
    assert.deepEqual(read({ entity: [] }), ["balp:no-data", "balp:no-patient"]);
    assert.deepEqual(read({ action: "C" }), ["balp:other-action"]);
    assert.deepEqual(read({ subtype: [{ code: "create" }] }), ["balp:other-subtype"]);
    assert.deepEqual(read({ type: { code: "110100" } }), ["balp:other-type"]);
    assert.deepEqual(read({ agent: agents("110153") }), ["balp:missing-agent"]);
    assert.deepEqual(read({ agent: [{ who: { reference: "Device/1" }, requestor: true }] }), ["balp:untyped-agents"]);
    assert.deepEqual(read(claiming("Query")), ["balp:no-query", "balp:other-action", "balp:other-subtype"]);
    assert.deepEqual(read(claiming("AuthZconsent")).includes("balp:no-consent"), true);
  });

  test("is flagged where BALP has none of its name; profiles of others are nobody's business here", () => {
    assert.deepEqual(read(claiming("PatientReed")), ["balp:unknown-pattern"]);
    assert.deepEqual(read({ meta: { profile: ["https://example.org/StructureDefinition/own"] } }), []);
  });
});

test("what follows no pattern is not flagged for it", () => {
  assert.deepEqual(found({}), [[], []]);
  assert.deepEqual(found(rest("read", "R", { entity: [DATA], agent: agents("110153") })), [[], []]);
});
