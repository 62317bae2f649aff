import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Derivation } from "../../ports/projection.ts";
import type { TraceRecord } from "../trace-event.ts";
import type { ProvDocument } from "./document.ts";
import { type ProvInput, provDocument } from "./from-events.ts";
import { provJson } from "./json.ts";
import { jsonLd } from "./json-ld.ts";
import { createNaming, nameText } from "./names.ts";
import { provN } from "./prov-n.ts";
import { provRdf } from "./rdf.ts";
import { turtle } from "./turtle.ts";

const at = (utc: string): { given: string; utc: string } => ({ given: utc, utc });

function event(
  id: string,
  records: readonly TraceRecord[],
  more: Partial<ProvInput["event"]> = {},
): ProvInput["event"] {
  return {
    format: 1,
    id: id.repeat(64).slice(0, 64),
    institution: "hospital-a",
    source: { format: "fhir-r4", type: "AuditEvent", system: "ehr", digest: "hmac-sha256:00", index: 0, flags: [] },
    activity: { kind: "read", codes: [{ system: "http://hl7.org/fhir/restful-interaction", code: "read" }] },
    outcome: "success",
    occurred: { start: at("2026-03-01T08:00:00.000Z"), end: at("2026-03-01T08:00:00.000Z") },
    recorded: at("2026-03-01T08:00:01.000Z"),
    received: at("2026-03-01T08:00:02.000Z"),
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [],
    records,
    recipients: [],
    subjects: [],
    joins: [],
    ...more,
  };
}

const record = (id: string, role: TraceRecord["role"], type = "DiagnosticReport"): TraceRecord => ({ id, type, role });
const derived = (from: string, to: string, relation: Derivation["relation"]): Derivation => ({ from, to, relation });

/** Relations as `kind(argument, argument)`, without times and attributes. */
function relations(document: ProvDocument): string[] {
  return document.relations.map(({ kind, arguments: args }) => {
    const names = args.flatMap((arg) => (typeof arg === "object" ? [nameText(arg)] : []));
    return `${kind}(${names.join(", ")})`;
  });
}

const E1 = `event:${"1".repeat(64)}`;
const E2 = `event:${"2".repeat(64)}`;

test("a read is a usage, a create a generation, a delete an invalidation", () => {
  const roles = ["used", "generated", "invalidated"] as const;
  const found = roles.map((role) =>
    relations(provDocument([{ event: event("1", [record("h/Report/1", role)]), derivations: [] }])),
  );
  assert.deepEqual(found, [
    [`used(${E1}, local:h/Report/1)`],
    [`wasGeneratedBy(local:h/Report/1, ${E1})`],
    [`wasInvalidatedBy(local:h/Report/1, ${E1})`],
  ]);
});

test("an update uses the record, and generates a state that is a revision of it", () => {
  const document = provDocument([{ event: event("1", [record("h/Report/1", "revised")]), derivations: [] }]);
  const state = `state:${"1".repeat(64)}/h/Report/1`;
  assert.deepEqual(relations(document), [
    `used(${E1}, local:h/Report/1)`,
    `specializationOf(${state}, local:h/Report/1)`,
    `wasGeneratedBy(${state}, ${E1})`,
    `wasDerivedFrom(${state}, local:h/Report/1, ${E1})`,
  ]);
  assert.match(provN(document), /wasDerivedFrom\(state:.*prov:type='prov:Revision'/);
});

test("a record whose use failed is named by its activity and has no relation to it", () => {
  const document = provDocument([
    { event: event("1", [record("h/Report/1", "associated")], { outcome: "serious-failure" }), derivations: [] },
  ]);
  assert.deepEqual(relations(document), []);
  assert.match(provN(document), /mt:named='local:h\/Report\/1'/);
});

test("a report made from two sources was derived from each by its event", () => {
  const records = [record("h/Image/1", "source"), record("h/Image/2", "source"), record("h/Report/1", "generated")];
  const derivations = [
    derived("h/Image/1", "h/Report/1", "wasDerivedFrom"),
    derived("h/Image/2", "h/Report/1", "wasQuotedFrom"),
  ];
  assert.deepEqual(relations(provDocument([{ event: event("1", records), derivations }])), [
    `used(${E1}, local:h/Image/1)`,
    `used(${E1}, local:h/Image/2)`,
    `wasGeneratedBy(local:h/Report/1, ${E1})`,
    `wasDerivedFrom(local:h/Report/1, local:h/Image/1, ${E1})`,
    `wasDerivedFrom(local:h/Report/1, local:h/Image/2, ${E1})`,
  ]);
});

test("a record that is generated again gets a state of its own, as no entity is generated twice", () => {
  const again = { occurred: { start: at("2026-03-02T08:00:00.000Z"), end: at("2026-03-02T08:00:00.000Z") } };
  const document = provDocument([
    { event: event("2", [record("h/Report/1", "generated")], again), derivations: [] },
    { event: event("1", [record("h/Report/1", "generated")]), derivations: [] },
  ]);
  const state = `state:${"2".repeat(64)}/h/Report/1`;
  assert.deepEqual(relations(document), [
    `wasGeneratedBy(local:h/Report/1, ${E1})`,
    `specializationOf(${state}, local:h/Report/1)`,
    `wasGeneratedBy(${state}, ${E2})`,
  ]);
});

test("agents are associated by their roles, act on behalf of others, and recipients take part", () => {
  const document = provDocument([
    {
      event: event("1", [], {
        agents: [
          { id: "h/Practitioner/7", kind: "person", roles: ["AUTHOR"], requestor: true, onBehalfOf: "hospital-a" },
        ],
        recipients: ["hospital-b"],
      }),
      derivations: [],
    },
  ]);
  assert.deepEqual(relations(document), [
    `wasAssociatedWith(${E1}, local:h/Practitioner/7)`,
    `actedOnBehalfOf(local:h/Practitioner/7, local:hospital-a, ${E1})`,
    `wasAssociatedWith(${E1}, local:hospital-b)`,
  ]);
  const { agent } = provJson(document);
  assert.deepEqual(agent, {
    "local:h/Practitioner/7": { "prov:type": { $: "prov:Person", type: "prov:QUALIFIED_NAME" } },
    "local:hospital-a": {},
    "local:hospital-b": { "prov:type": { $: "prov:Organization", type: "prov:QUALIFIED_NAME" } },
  });
});

test("times keep the offset of their source, and fall back to UTC where XML Schema has no such time", () => {
  const start = (given: string, utc: string): string | undefined => {
    const time = { given, utc };
    const document = provDocument([
      { event: event("1", [], { occurred: { start: time, end: time } }), derivations: [] },
    ]);
    return document.activities[0]?.start;
  };
  assert.equal(start("2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00.000Z"), "2026-03-01T09:00:00+01:00");
  assert.equal(start("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"), "2016-12-31T23:59:59.000Z");
  assert.equal(start("2026-03-01T23:30:00+15:30", "2026-03-01T08:00:00.000Z"), "2026-03-01T08:00:00.000Z");
});

test("absolute ids keep their IRI, and no source can take the name of an event or a state", () => {
  const naming = createNaming();
  const iri = (id: string): string => {
    const { prefix, local } = naming.of(id);
    return `${naming.namespaces.get(prefix)}${local}`;
  };
  assert.equal(iri("https://a.example/fhir/Patient/1"), "https://a.example/fhir/Patient/1");
  assert.equal(iri("urn:oid:1.2.3"), "urn:oid:1.2.3");
  assert.equal(iri("urn:medtrace:subject:-x_Y"), "urn:medtrace:subject:-x_Y");
  assert.equal(iri("urn:x:a%20b"), "urn:x:a%20b");
  assert.equal(naming.of("urn:x:a%20b").local, "b");
  assert.equal(iri("h/Report/a b"), "urn:medtrace:local:h/Report/a%20b");
  assert.equal(iri("https://a.example/<x>"), "urn:medtrace:local:https%3A//a%2Eexample/%3Cx%3E");
  assert.equal(iri("urn:medtrace:event:00"), "urn:medtrace:local:urn%3Amedtrace%3Aevent%3A00");
});

test("different ids never share a name, and every name fits PROV-N's grammar unescaped", () => {
  const id = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
    fc.string({ unit: fc.constantFrom("/", ":", "-", "%", "a", "2", "F", ".", "'"), minLength: 1, maxLength: 8 }),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 20 }), (ids) => {
      const naming = createNaming();
      const names = ids.map((one) => naming.of(one));
      assert.equal(new Set(names.map(nameText)).size, ids.length);
      const iris = names.map(({ prefix, local }) => `${naming.namespaces.get(prefix)}${local}`);
      assert.equal(new Set(iris).size, ids.length);
      for (const { local } of names)
        assert.match(local, /^([A-Za-z0-9_/]|%[0-9A-F]{2})([A-Za-z0-9_/-]|%[0-9A-F]{2})*$/);
    }),
  );
});

test("whatever events say of each other, each entity is generated once and derivations have no cycle", () => {
  const id = fc.constantFrom("r/1", "r/2", "r/3", "r/4");
  const role = fc.constantFrom<TraceRecord["role"]>("used", "generated", "revised", "invalidated", "associated");
  const input = fc.record({
    records: fc.array(fc.tuple(id, role), { maxLength: 4 }),
    edges: fc.array(fc.tuple(id, id), { maxLength: 3 }),
    hour: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(input, { minLength: 1, maxLength: 8 }), (story) => {
      const inputs = story.map(({ records, edges, hour }, i) => {
        const time = at(`2026-03-01T0${hour}:00:00.000Z`);
        return {
          event: event(
            i.toString(16),
            records.map(([name, does]) => record(name, does)),
            { occurred: { start: time, end: time } },
          ),
          derivations: edges.map(([from, to]) => derived(from, to, "wasDerivedFrom")),
        };
      });
      const document = provDocument(inputs);
      const text = relations(document);
      const generated = text.flatMap((line) => /^wasGeneratedBy\(([^,]+),/.exec(line)?.[1] ?? []);
      assert.equal(new Set(generated).size, generated.length);
      assert.equal(new Set(text).size, text.length);
      const sources = new Map<string, string[]>();
      for (const line of text) {
        const [, to, from] = /^wasDerivedFrom\(([^,]+), ([^,]+),/.exec(line) ?? [];
        if (to !== undefined && from !== undefined) sources.set(to, [...(sources.get(to) ?? []), from]);
      }
      for (const name of sources.keys()) assert.equal(leadsBack(sources, name), false);
    }),
  );
});

function leadsBack(sources: ReadonlyMap<string, readonly string[]>, start: string): boolean {
  const seen = new Set<string>();
  const open = [...(sources.get(start) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === start) return true;
    if (!seen.has(name)) open.push(...(sources.get(name) ?? []));
    seen.add(name);
  }
  return false;
}

test("PROV-N escapes what a text literal can not hold", () => {
  const document = provDocument([
    {
      event: event("1", [], { agents: [{ id: "a", kind: "unknown", roles: ['says "no"\\\nand leaves'] }] }),
      derivations: [],
    },
  ]);
  assert.match(provN(document), /prov:role="says \\"no\\"\\\\\\nand leaves"/);
});

test("as RDF a relation has its plain property, and beside it what more is known, in PROV-O's qualified form", () => {
  const records = [record("h/Report/1", "source"), record("h/Letter/1", "generated", "Letter")];
  const agents = [{ id: "h/Practitioner/7", kind: "person", roles: ["AUTHOR"] }] as const;
  const derivations = [derived("h/Report/1", "h/Letter/1", "wasQuotedFrom")];
  const graph = provRdf(provDocument([{ event: event("1", records, { agents }), derivations }]));
  const text = turtle(graph);
  const letter = /^<urn:medtrace:local:h\/Letter\/1>\n([\s\S]*?) \.$/m.exec(text)?.[1] ?? "";
  assert.equal(
    letter,
    [
      "  a prov:Entity ;",
      '  mt:recordType "Letter" ;',
      `  prov:wasGeneratedBy ${E1} ;`,
      "  prov:qualifiedGeneration [",
      "    a prov:Generation ;",
      `    prov:activity ${E1} ;`,
      '    prov:atTime "2026-03-01T08:00:00.000Z"^^xsd:dateTime',
      "  ] ;",
      "  prov:wasQuotedFrom <urn:medtrace:local:h/Report/1> ;",
      "  prov:qualifiedQuotation [",
      "    a prov:Quotation ;",
      "    prov:entity <urn:medtrace:local:h/Report/1> ;",
      `    prov:hadActivity ${E1}`,
      "  ]",
    ].join("\n"),
  );
  assert.match(text, /prov:qualifiedAssociation \[\n {4}a prov:Association ;[\s\S]*mt:role "AUTHOR"/);
  const { "@graph": nodes } = jsonLd(graph);
  const prov = "http://www.w3.org/ns/prov#";
  assert.deepEqual((nodes as object[]).at(-1), {
    "@id": "urn:medtrace:local:h/Practitioner/7",
    "@type": [`${prov}Agent`, `${prov}Person`],
  });
});
