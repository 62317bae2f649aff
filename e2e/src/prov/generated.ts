/** PROV documents by the hundred, the same ones each time: of random events, and of random statements of every kind. */
import type {
  ProvActivity,
  ProvAttributes,
  ProvContents,
  ProvDocument,
  ProvElement,
  ProvRelation,
  ProvValue,
  RelationKind,
} from "@medtrace/shared/model/prov/document";
import { BARE_RELATIONS, RELATIONS, REQUIRED_ARGUMENTS } from "@medtrace/shared/model/prov/document";
import type { ProvInput } from "@medtrace/shared/model/prov/from-events";
import { type QualifiedName, term } from "@medtrace/shared/model/prov/names";
import type { ActivityKind, AgentKind, RecordRole, TraceTime } from "@medtrace/shared/model/trace-event";
import fc from "fast-check";

const SEED = 20_130_430;

const id = fc.constantFrom(
  "hospital-a/Report/1",
  "https://a.example/fhir/Observation/9",
  "urn:oid:1.2.3",
  "urn:medtrace:subject:-tok_en",
  "urn:medtrace:trace:hospital-a/x%20y",
  "h/Ré/ü 'q' (1)",
  '-;:,[]=\\"<>',
  "患者/报告.",
);
const text = fc.oneof(fc.constantFrom("AUT", 'says "no"\\\nand\tleaves\r', "<&>'", "ü漢😀"), fc.string());
const printable = text.map((one) => one.replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD]/gu, "?"));
const time = fc
  .tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.constantFrom("Z", "+01:00", "-03:30", "+14:00"),
    fc.constantFrom("", ".5", ".123456"),
  )
  .map(([hour, offset, fraction]): TraceTime => {
    const given = `2026-03-01T0${hour}:00:00${fraction}${offset}`;
    return { given, utc: new Date(given).toISOString() };
  });
const role = fc.constantFrom<RecordRole>(
  "used",
  "generated",
  "revised",
  "invalidated",
  "source",
  "revision",
  "quotation",
  "associated",
);
const agent = fc.record({
  id: fc.oneof(id, fc.constantFrom("hospital-a/Practitioner/1", "https://a.example/Device/1")),
  kind: fc.constantFrom<AgentKind>("person", "subject", "device", "software", "institution", "unknown"),
  roles: fc.array(
    printable.filter((one) => one !== ""),
    { maxLength: 2 },
  ),
});

const event = fc.record({
  institution: fc.constantFrom("hospital-a", "hospital-b", "laboratory"),
  kind: fc.constantFrom<ActivityKind>("create", "read", "update", "delete", "disclose", "merge"),
  occurred: fc.option(fc.tuple(time, time), { nil: undefined }),
  recorded: time,
  purposes: fc.array(fc.record({ code: printable }), { maxLength: 2 }),
  breakGlass: fc.boolean(),
  consents: fc.array(fc.constantFrom("hospital-a/Consent/1", "urn:oid:1.2.3"), { maxLength: 2 }),
  agents: fc.array(agent, { maxLength: 3 }),
  delegated: fc.boolean(),
  records: fc.array(fc.record({ id, type: fc.constant("T"), role, version: fc.constantFrom("1", "2") }), {
    maxLength: 4,
  }),
  derivations: fc.array(
    fc.record({
      from: id,
      to: id,
      relation: fc.constantFrom("wasDerivedFrom" as const, "wasRevisionOf" as const, "wasQuotedFrom" as const),
    }),
    { maxLength: 3 },
  ),
  recipients: fc.subarray(["hospital-b", "laboratory"]),
  joins: fc.constantFrom<readonly (readonly [string, string])[]>([], [["tok_1", "tok_2"]]),
});

/** Stories of random events: whatever they say of each other. */
export function storiesOf(count: number): ProvInput[][] {
  const made = fc.sample(fc.array(event, { minLength: 1, maxLength: 7 }), { seed: SEED, numRuns: count });
  return made.map((events) =>
    events.map(({ kind, derivations, occurred, delegated, agents, ...more }, i): ProvInput => {
      const times = occurred?.toSorted((a, b) => (a.utc < b.utc ? -1 : Number(a.utc > b.utc)));
      const [start, end] = times ?? [];
      const eventId = i.toString(16).padStart(64, "0");
      return {
        derivations,
        anchor: { batch: `platform:log-0:${i}`, root: eventId, block: i, transaction: `tx-${i}` },
        event: {
          format: 1,
          id: eventId,
          source: { format: "fhir-r4", type: "AuditEvent", system: "x", digest: "", index: 0, flags: [] },
          activity: { kind, codes: [{ system: "http://x.example", code: 'a"b\\' }] },
          outcome: "success",
          received: more.recorded,
          subjects: [],
          ...(start === undefined || end === undefined ? {} : { occurred: { start, end } }),
          ...more,
          agents: agents.map((one) => (delegated ? { ...one, onBehalfOf: "hospital-a" } : one)),
        },
      };
    }),
  );
}

const EX = "http://example.org/";
const ex = (local: string): QualifiedName => ({ prefix: "ex", local });
const entity = fc.constantFrom("e1", "e2", "e3", "e4").map(ex);
const activity = fc.constantFrom("a1", "a2", "a3").map(ex);
/** At times an activity stands where an entity should. */
const loose = fc.oneof({ weight: 80, arbitrary: entity }, { weight: 1, arbitrary: activity });
/** ProvToolbox does not say that these are about entities. */
const UNTYPED: ReadonlySet<RelationKind> = new Set(["alternateOf", "wasInfluencedBy"]);
const agentName = fc.constantFrom("ag1", "ag2", "e1", "a1").map(ex);
const instant = fc.constantFrom("2026-03-01T08:00:00Z", "2026-03-01T09:00:00+01:00", "2026-03-01T10:00:00Z");
const relationId = fc.constantFrom("r1", "r2", "r3", "r4", "r5", "r6").map(ex);
/** ProvToolbox does not look for identifiers of these among those of other kinds: theirs are their own. */
const OWN_IDS: ReadonlySet<RelationKind> = new Set([
  "wasInformedBy",
  "wasAttributedTo",
  "wasAssociatedWith",
  "actedOnBehalfOf",
  "wasInfluencedBy",
]);
const value: fc.Arbitrary<ProvValue> = fc.oneof(
  printable,
  fc.constantFrom<ProvValue>(
    { name: ex("thing") },
    { text: "12", type: term("xsd", "int") },
    { text: "true", type: term("xsd", "boolean") },
    { text: "2026-03-01T08:00:00.250+05:30", type: term("xsd", "dateTime") },
    { text: "guérison", language: "fr" },
    { text: "病歴", language: "ja-JP" },
  ),
);
const attributes: fc.Arbitrary<ProvAttributes> = fc
  .option(fc.tuple(fc.constantFrom("ex:attribute", "ex:other", "prov:label"), value), { freq: 3, nil: undefined })
  .map((one) => {
    if (one === undefined) return new Map();
    const [name, given] = one;
    const isText = typeof given === "string" || "language" in given;
    return new Map([[name === "prov:label" && !isText ? "ex:other" : name, [given]]]);
  });

/** Which names an argument takes; agents are at times things or activities too. */
const NAMES: Readonly<Record<string, fc.Arbitrary<QualifiedName | string>>> = {
  time: instant,
  // ProvToolbox does not say that plans are entities either.
  plan: entity,
  activity,
  starter: activity,
  ender: activity,
  informed: activity,
  informant: activity,
  agent: agentName,
  delegate: agentName,
  responsible: agentName,
  generation: relationId,
  usage: relationId,
};

function relationOf(kind: RelationKind): fc.Arbitrary<ProvRelation> {
  const names: readonly string[] = RELATIONS[kind];
  const args = names.map((name, place) => {
    const given = NAMES[name] ?? (UNTYPED.has(kind) ? entity : loose);
    return place < REQUIRED_ARGUMENTS[kind] ? given : fc.option(given, { nil: undefined });
  });
  const bare = BARE_RELATIONS.has(kind);
  const ownId = OWN_IDS.has(kind) ? fc.constantFrom(ex(`${kind}1`), ex(`${kind}2`)) : relationId;
  return fc
    .tuple(fc.tuple(...args), bare ? fc.constant(new Map()) : attributes, fc.option(ownId, { freq: 3, nil: undefined }))
    .map(([given, more, own]) => ({
      kind,
      arguments: given,
      attributes: more,
      ...(bare || own === undefined ? {} : { id: own }),
    }));
}

const kinds = Object.keys(RELATIONS) as RelationKind[];
const relation = fc.constantFrom(...kinds).chain(relationOf);
/** PyPI's prov writes a type of PROV's as an element of its own in XML: on another kind of thing it would change that.
 * Empty collections are left out: ProvToolbox has members inherited by specializations, which are no attributes. */
const ENTITY_TYPES = [...["Collection", "Bundle"].map((type) => term("prov", type)), ex("Thing")];
const AGENT_TYPES = [...["Person", "Organization"].map((type) => term("prov", type)), ex("Thing")];

/** Things with attributes, and at times with a type. */
function elements(
  names: fc.Arbitrary<QualifiedName>,
  types: readonly QualifiedName[],
  minLength: number,
): fc.Arbitrary<ProvElement[]> {
  const type = fc.option(fc.constantFrom(...types), { freq: 4, nil: undefined });
  const described = fc
    .tuple(attributes, type)
    .map(
      ([more, one]): ProvAttributes => (one === undefined ? more : new Map([...more, ["prov:type", [{ name: one }]]])),
    );
  return fc.uniqueArray(fc.record({ name: names, attributes: described }), {
    minLength,
    maxLength: 4,
    selector: ({ name }) => name.local,
  });
}
const activities: fc.Arbitrary<ProvActivity[]> = fc.uniqueArray(
  fc.record({
    name: activity,
    attributes,
    start: fc.option(instant, { nil: undefined }),
    end: fc.option(instant, { nil: undefined }),
  }),
  { minLength: 3, maxLength: 3, selector: ({ name }) => name.local },
);
/** Entities and activities are all declared: ProvToolbox infers none, and fails on an activity that is not. */
const contents: fc.Arbitrary<ProvContents> = fc.record({
  entities: elements(entity, ENTITY_TYPES, 4),
  activities,
  agents: elements(agentName, AGENT_TYPES, 0),
  relations: fc.array(relation, { maxLength: 8 }),
});

/** Documents of random statements: many break a constraint. */
export function documentsOf(count: number): ProvDocument[] {
  const document = fc.tuple(contents, fc.option(contents, { freq: 3, nil: undefined })).map(
    ([own, bundle]): ProvDocument => ({
      ...own,
      namespaces: new Map([["ex", EX]]),
      bundles: bundle === undefined ? [] : [{ name: ex("bundle1"), ...bundle }],
    }),
  );
  return fc.sample(document, { seed: SEED, numRuns: count });
}
