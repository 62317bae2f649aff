import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import { TEXT_CHARS_MAX } from "@medtrace/shared/model/event-limits";
import fc from "fast-check";
import { type Pointed, referenceReader } from "./reference.ts";
import { CONTEXT } from "./testing.ts";

const read = (reference: object, isPatient = false): Pointed =>
  referenceReader(CONTEXT).read(reference as Record<string, unknown>, "X.what", { type: "Resource", isPatient });
const literal = (reference: string): Pointed => read({ reference });
const known = (reference: object, isInstitution = false, display?: string): string | undefined =>
  referenceReader(CONTEXT).institution(read(reference), isInstitution, display);

describe("a literal reference", () => {
  test("that is relative is the sender's own resource", () => {
    const { id, type, version } = literal("Observation/o-1.2");
    assert.deepEqual(
      { id, type, version },
      { id: "hospital-a/Observation/o-1.2", type: "Observation", version: undefined },
    );
  });

  test("names a version apart from the resource", () => {
    for (const [reference, id] of [
      ["Observation/1/_history/7", "hospital-a/Observation/1"],
      ["https://b.example.org/fhir/Observation/1/_history/7", "https://b.example.org/fhir/Observation/1"],
    ] as const) {
      const found = literal(reference);
      assert.deepEqual([found.id, found.type, found.version], [id, "Observation", "7"]);
    }
  });

  test("that is absolute is the same record to everyone", () => {
    assert.equal(literal("https://b.example.org/fhir/Binary/1").id, "https://b.example.org/fhir/Binary/1");
    assert.equal(literal("https://b.example.org/fhir/Binary/1").type, "Binary");
    for (const urn of ["urn:oid:2.999.5", "urn:uuid:0b5d3f0e-6f2c-4c53-8a7a-1f8c2b9d6a10"]) {
      assert.deepEqual([literal(urn).id, literal(urn).type], [urn, undefined]);
    }
    assert.equal(read({ reference: "urn:oid:2.999.5", type: "DocumentReference" }).type, "DocumentReference");
  });

  test("of an id with more characters than FHIR allows is met all the same", () => {
    assert.equal(literal("Encounter/2026_01/7").id, "hospital-a/Resource/Encounter%2F2026_01%2F7");
    assert.equal(literal("Encounter/2026_01").id, "hospital-a/Encounter/2026_01");
    assert.equal(literal("ward round").id, "hospital-a/Resource/ward%20round");
  });

  test("into the resource itself points to nothing that could be traced", () => {
    assert.equal(literal("#inner").id, undefined);
  });

  test("of a fragment of another resource points to that resource", () => {
    assert.equal(literal("https://b.example.org/fhir/Binary/1#page=2").id, "https://b.example.org/fhir/Binary/1");
  });

  test("that is a search is no record, and its words stay out of the clear part", () => {
    for (const search of [
      "Observation?patient=4711&code=x",
      "https://b.example.org/fhir/Observation/_search?subject.name=Muster",
      "https://pacs.example.org/viewer?patientName=Muster",
    ]) {
      assert.deepEqual([literal(search).id, literal(search).search], [undefined, search]);
    }
    const wado = "https://pacs.example.org/wado?requestType=WADO&objectUID=1.2.3";
    assert.equal(literal(wado).id, wado, "a URL that names an image is one");
  });

  test("to an entry of its Bundle is what the entry is", () => {
    const urn = "urn:uuid:0b5d3f0e-6f2c-4c53-8a7a-1f8c2b9d6a10";
    const resolve = (fullUrl: string): string | undefined => (fullUrl === urn ? "Patient/p9" : undefined);
    const reader = referenceReader(CONTEXT, { resolve });
    assert.deepEqual(reader.read({ reference: urn }, "X", { type: "Resource" }).patient?.identifiers, [
      { system: "Patient", value: "p9", scope: "local" },
    ]);
  });
});

describe("a reference to a patient", () => {
  const identifiers = (reference: object, isPatient = false): readonly object[] =>
    read(reference, isPatient).patient?.identifiers ?? [];
  const local = { system: "Patient", value: "4711", scope: "local" };

  test("is the institution's own where it is relative, however it is written", () => {
    for (const reference of [
      "Patient/4711",
      "Patient/4711/_history/3",
      "Patient/4711/",
      "patient/4711",
      "Patient/4711#name",
      "Patient/4711/$everything",
      "Patient/4711/Observation",
      "Patient?_id=4711",
    ]) {
      assert.deepEqual(identifiers({ reference }), [local], reference);
    }
  });

  test("is known to all where it is absolute", () => {
    const url = "https://b.example.org/fhir/Patient/4711";
    for (const reference of [url, `${url}/_history/1`, `${url}/`, `${url}?_format=json`, `${url}/$everything`]) {
      assert.deepEqual(identifiers({ reference }), [{ system: "urn:ietf:rfc:3986", value: url, scope: "shared" }]);
    }
  });

  test("by an identifier is that of its system; one that the directory shares is known to all", () => {
    assert.deepEqual(identifiers({ type: "Patient", identifier: { system: "urn:oid:2.999.100", value: "42" } }), [
      { system: "urn:oid:2.999.100", value: "42", scope: "shared" },
    ]);
    assert.deepEqual(identifiers({ type: "Patient", identifier: { value: "42" } }), [
      { system: "identifier", value: "42", scope: "local" },
    ]);
    assert.deepEqual(identifiers({ reference: "Patient?identifier=urn:oid:2.999.100%7C42" }), [
      { system: "urn:oid:2.999.100", value: "42", scope: "shared" },
    ]);
  });

  test("by both is one patient of both", () => {
    const both = identifiers({ reference: "Patient/4711", identifier: { system: "urn:oid:2.999.100", value: "42" } });
    assert.deepEqual(both, [local, { system: "urn:oid:2.999.100", value: "42", scope: "shared" }]);
  });

  test("that only its surroundings call one is one, by whatever it has", () => {
    assert.deepEqual(identifiers({ identifier: { value: "e3^^^&2.999&ISO" } }, true), [
      { system: "identifier", value: "e3^^^&2.999&ISO", scope: "local" },
    ]);
    assert.deepEqual(identifiers({ reference: "urn:oid:2.999.7" }, true), [
      { system: "urn:ietf:rfc:3986", value: "urn:oid:2.999.7", scope: "shared" },
    ]);
    assert.deepEqual(identifiers({ reference: "4711" }, true), [local]);
  });

  test("that is called one and says that it is something else is something else", () => {
    assert.equal(read({ reference: "Practitioner/1" }, true).id, "hospital-a/Practitioner/1");
    assert.equal(read({ type: "Group", identifier: { value: "7" } }, true).id, "hospital-a/Group/identifier%7C7");
  });

  test("that asks for several, or by anything but an identifier, is nobody", () => {
    for (const reference of ["Patient?name=Muster", "Patient?identifier=a|1,a|2", "Patient?identifier="]) {
      assert.deepEqual(read({ reference }), { type: "Patient", search: reference });
    }
  });

  test("by a subject's token is that subject", () => {
    const token = "AAECAwQFBgcICQoLDA0ODw";
    assert.deepEqual(literal(`urn:medtrace:subject:${token}`).patient, { identifiers: [], token });
    assert.equal(literal("urn:medtrace:subject:short").patient, undefined);
  });

  test("never leaves its id in clear, whatever stands around it", () => {
    const around = fc.stringMatching(/^[a-zA-Z0-9:/.?#&=$_-]{0,12}$/);
    fc.assert(
      fc.property(around, fc.constantFrom("Patient/", "patient/", "PATIENT/"), around, (before, type, after) => {
        const reference = `${before === "" || before.endsWith("/") ? before : `${before}/`}${type}4711${after}`;
        const { search: _sealed, patient: _token, ...clear } = literal(reference);
        if (!before.includes("#")) assert.ok(!JSON.stringify(clear).includes("4711"), reference);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a logical reference", () => {
  test("is an id of its system and value", () => {
    const { id } = read({ identifier: { system: "urn:oid:2.999.9", value: "a b" }, type: "Device" });
    assert.equal(id, "hospital-a/Device/urn%3Aoid%3A2.999.9%7Ca%20b");
  });

  test("by a URI is the same to everyone", () => {
    for (const identifier of [
      { system: "urn:ietf:rfc:3986", value: "urn:oid:2.999.4.7" },
      { system: "urn:ietf:rfc:3986", value: "https://b.example.org/documents/7" },
      { value: "urn:uuid:a4b1d27e-5493-11ec-bf63-0242ac130002" },
    ]) {
      assert.equal(read({ identifier }).id, identifier.value);
    }
    const other = { system: "urn:oid:2.999.9", value: "urn:oid:2.999.4.7" };
    assert.equal(read({ identifier: other }).id, "hospital-a/Resource/urn%3Aoid%3A2.999.9%7Curn%3Aoid%3A2.999.4.7");
    const local = { value: "https://b.example.org/documents/7" };
    assert.match(read({ identifier: local }).id ?? "", /^hospital-a\/Resource\/identifier%7Chttps/);
  });

  test("without a value says nothing", () => {
    assert.equal(read({ identifier: { system: "urn:oid:2.999.9" }, display: "Somebody" }).id, undefined);
  });

  test("beside a literal one does not change its id", () => {
    assert.equal(read({ reference: "Device/1", identifier: { value: "9" } }).id, "hospital-a/Device/1");
  });
});

describe("a contained resource", () => {
  const contained = new Map<string, Record<string, unknown>>([
    ["pat", { resourceType: "Patient", id: "pat", identifier: [{ system: "urn:oid:2.999.100", value: "42" }] }],
    ["dev", { resourceType: "Device", id: "dev", identifier: [{ value: "d7" }, { value: "d8" }] }],
    ["bare", { resourceType: "Device", id: "bare" }],
  ]);
  const inner = (reference: string): Pointed =>
    referenceReader(CONTEXT, { contained }).read({ reference }, "X.who", { type: "Agent" });

  test("is known by its type and identifiers", () => {
    assert.deepEqual(inner("#pat").patient?.identifiers, [
      { system: "urn:oid:2.999.100", value: "42", scope: "shared" },
    ]);
    assert.deepEqual([inner("#dev").id, inner("#dev").type], ["hospital-a/Device/identifier%7Cd7", "Device"]);
  });

  test("without identifiers, or that is not there, says nothing", () => {
    for (const reference of ["#bare", "#none", "#"]) assert.equal(inner(reference).id, undefined);
  });
});

describe("an institution", () => {
  test("is known by the directory's URL, OID, id or identifier", () => {
    const oid = { identifier: { system: "urn:ietf:rfc:3986", value: "urn:oid:2.999.2" } };
    for (const reference of [
      { reference: "https://registry.example.org/fhir/Organization/17" },
      { reference: "https://registry.example.org/fhir/Organization/17/_history/2" },
      { reference: "Organization/hospital-b" },
      { reference: "urn:oid:2.999.2" },
      { reference: "Organization/9", ...oid },
      { type: "Organization", identifier: { system: "urn:oid:2.999.77", value: "Hospital B" } },
      oid,
    ]) {
      assert.equal(known(reference), "hospital-b", JSON.stringify(reference));
    }
    assert.equal(known({ identifier: { system: "https://registry.example.org/ids", value: "C-77" } }), "lab-c");
  });

  test("is known by its display only where it is said to be one", () => {
    assert.equal(known({ reference: "Organization/9" }, false, "Hospital B"), "hospital-b");
    assert.equal(known({}, true, "Hospital B"), "hospital-b");
    assert.equal(known({}, false, "Hospital B"), undefined);
  });

  test("is not what is of another type, nor whoever has a code for a number", () => {
    assert.equal(known({ reference: "Practitioner/hospital-b" }), undefined);
    assert.equal(known({ identifier: { value: "LABC" } }), undefined);
    assert.equal(known({ identifier: { value: "LABC" } }, true), "lab-c");
  });

  test("that the directory does not have stays unknown", () => {
    assert.equal(known({ reference: "Organization/9", display: "Clinic" }, true, "Clinic"), undefined);
  });
});

describe("hostile references", () => {
  const refusal = (reference: object): MedtraceError => {
    try {
      read(reference);
    } catch (error) {
      assert.ok(error instanceof MedtraceError, `threw ${error}`);
      return error;
    }
    throw new assert.AssertionError({ message: "was taken" });
  };

  test("are refused at their place: of a wrong type, too long, or half a character", () => {
    const cases: [object, string, string][] = [
      [{ reference: 7 }, "INPUT_INVALID", "X.what.reference"],
      [{ reference: null }, "INPUT_INVALID", "X.what.reference"],
      [{ identifier: "7" }, "INPUT_INVALID", "X.what.identifier"],
      [{ identifier: { value: {} } }, "INPUT_INVALID", "X.what.identifier.value"],
      [{ reference: "Observation/\ud800" }, "INPUT_INVALID", "X.what.reference"],
      [{ reference: `Observation/${"x".repeat(2_048)}` }, "INPUT_TOO_LARGE", "X.what.reference"],
      [{ reference: `Observation/${"语".repeat(1_000)}` }, "INPUT_TOO_LARGE", "X.what"],
      [{ identifier: { value: "x".repeat(513) } }, "INPUT_TOO_LARGE", "X.what.identifier.value"],
      [{ reference: "Observation/1", type: "x".repeat(129) }, "INPUT_TOO_LARGE", "X.what.type"],
    ];
    for (const [reference, code, at] of cases) {
      const error = refusal(reference);
      assert.deepEqual([error.code, error.at], [code, at], JSON.stringify(reference).slice(0, 80));
      assert.ok(error.hint);
    }
  });

  test("give ids of 1 to the most characters that can be looked up, or a refusal", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.webUrl({ withFragments: true, withQueryParameters: true }));
    const reference = fc.record({ reference: text, type: text, identifier: fc.record({ system: text, value: text }) });
    fc.assert(
      fc.property(fc.oneof(reference, fc.jsonValue()), fc.boolean(), (value, isPatient) => {
        if (typeof value !== "object" || value === null || Array.isArray(value)) return;
        try {
          const { id, patient } = read(value, isPatient);
          assert.ok(id === undefined || (id.length > 0 && id.length <= TEXT_CHARS_MAX));
          for (const identifier of patient?.identifiers ?? []) assert.notEqual(identifier.value, "");
        } catch (error) {
          assert.ok(error instanceof MedtraceError, `threw ${error}`);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
