import assert from "node:assert/strict";
import test from "node:test";
import { story } from "../../../testing/story.ts";
import type { ProvDocument, ProvRelation, RelationKind } from "../document.ts";
import { provDocument } from "../from-events.ts";
import { type QualifiedName, term } from "../names.ts";
import { checkProv, VIOLATIONS_MAX } from "./check.ts";

const ex = (local: string): QualifiedName => ({ prefix: "ex", local });
const isTime = (text: string): boolean => /^\d{4}-/.test(text);

/** `used(u1; a, e, -)` as data. */
function said(text: string): ProvRelation {
  const [, kind = "", id, args = ""] = /^(\w+)\((?:(\w+); )?(.*)\)$/.exec(text) ?? [];
  const given = args.split(", ").map((one) => (one === "-" ? undefined : isTime(one) ? one : ex(one)));
  return {
    kind: kind as RelationKind,
    arguments: given,
    attributes: new Map(),
    ...(id === undefined ? {} : { id: ex(id) }),
  };
}

const E = ["e", "e1", "e2", "e3"];
const A = ["a", "a1", "a2"];

function documentOf(relations: readonly string[], more: Partial<ProvDocument> = {}): ProvDocument {
  return {
    namespaces: new Map([["ex", "http://example.org/"]]),
    entities: E.map((name) => ({ name: ex(name), attributes: new Map() })),
    activities: A.map((name) => ({ name: ex(name), attributes: new Map(), start: undefined, end: undefined })),
    agents: [],
    relations: relations.map(said),
    bundles: [],
    ...more,
  };
}

const verdict = (...relations: string[]): string[] =>
  checkProv(documentOf(relations)).violations.map(({ constraint }) => constraint);

test("each constraint is broken by what it forbids", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["key-properties", ["used(u; a, e, -)", "used(u; a1, e, -)"]],
    ["key-properties", ["wasDerivedFrom(e2, e1, a, -, u)", "used(u; a1, e1, -)"]],
    ["unique-generation", ["wasGeneratedBy(e, a, 2026-03-01T08:00:00Z)", "wasGeneratedBy(e, a, 2026-03-01T09:00:00Z)"]],
    ["unique-invalidation", ["wasInvalidatedBy(i; e, a, -)", "wasInvalidatedBy(j; e, a, -)"]],
    ["unique-wasStartedBy", ["wasStartedBy(s; a, e, a1, -)", "wasStartedBy(s2; a, e, a1, -)"]],
    ["unique-wasEndedBy", ["wasEndedBy(a, e, a1, -)", "wasEndedBy(a, e2, a1, -)"]],
    ["strict-order-cycle", ["wasDerivedFrom(e1, e2, -, -, -)", "wasDerivedFrom(e2, e1, -, -, -)"]],
    ["strict-order-cycle", ["wasDerivedFrom(e, e, -, -, -)"]],
    ["strict-order-cycle", ["wasDerivedFrom(e1, e2, -, -, -)", "specializationOf(e2, e1)"]],
    ["strict-order-cycle", ["wasDerivedFrom(e1, e2, -, -, -)", "specializationOf(e2, x)", "specializationOf(x, e1)"]],
    ["impossible-unspecified-derivation-generation-use", ["wasDerivedFrom(e2, e1, -, g, -)"]],
    ["impossible-specialization-reflexive", ["specializationOf(e, e)"]],
    ["impossible-property-overlap", ["used(r; a, e, -)", "wasGeneratedBy(r; e1, a, -)"]],
    ["impossible-property-overlap", ["wasAttributedTo(r; e, ag)", "wasAssociatedWith(r; a, ag, -)"]],
    ["impossible-object-property-overlap", ["used(e1; a, e, -)"]],
    ["entity-activity-disjoint", ["used(a, a1, -)"]],
    ["entity-activity-disjoint", ["alternateOf(e, a)"]],
  ];
  for (const [constraint, relations] of cases) {
    assert.deepEqual([...new Set(verdict(...relations))], [constraint], relations.join(", "));
  }
});

test("what is allowed is valid: merges, shared names, one instant in two offsets, agents that are entities", () => {
  const cases: readonly (readonly string[])[] = [
    ["wasGeneratedBy(e, a, 2026-03-01T08:00:00Z)", "wasGeneratedBy(e, a, 2026-03-01T09:00:00+01:00)"],
    ["wasGeneratedBy(g; e, a, -)", "wasGeneratedBy(e, a, 2026-03-01T08:00:00Z)"],
    ["wasGeneratedBy(e, a, -)", "wasGeneratedBy(e, a1, -)"],
    ["used(a, e, 2026-03-01T08:00:00Z)", "used(a, e, 2026-03-01T09:00:00Z)"],
    ["used(r; a, e, -)", "wasInfluencedBy(r; a, e)"],
    ["wasAssociatedWith(a, e, -)", "actedOnBehalfOf(e, e1, a)", "wasAttributedTo(e2, e)"],
    ["wasInformedBy(a1, a2)", "wasInformedBy(a2, a1)"],
    ["wasDerivedFrom(e2, e1, a, g, u)", "used(u; a, e1, -)", "wasGeneratedBy(g; e2, a, -)"],
    ["alternateOf(e1, e2)", "alternateOf(e2, e1)", "hadMember(e, e1)"],
    // Nothing says that x exists: it has no generation that could come before itself.
    ["wasDerivedFrom(x, e1, -, -, -)", "wasDerivedFrom(e1, x, -, -, -)"],
  ];
  for (const relations of cases) assert.deepEqual(verdict(...relations), [], relations.join(", "));
});

test("an activity has one start and one end, whoever tells of them; an empty collection has no member", () => {
  const activity = { name: ex("a"), attributes: new Map(), start: "2026-03-01T08:00:00Z", end: undefined };
  const started = documentOf(["wasStartedBy(a, -, -, 2026-03-01T09:00:00Z)"], { activities: [activity] });
  assert.deepEqual(checkProv(started).violations[0]?.constraint, "unique-startTime");
  const twice = documentOf([], { activities: [activity, { ...activity, start: "2026-03-01T07:00:00Z" }] });
  assert.deepEqual(checkProv(twice).violations[0]?.constraint, "key-object");
  const empty = { name: ex("e"), attributes: new Map([["prov:type", [{ name: term("prov", "EmptyCollection") }]]]) };
  const member = documentOf(["hadMember(e, e1)"], { entities: [empty] });
  assert.deepEqual(checkProv(member).violations[0]?.constraint, "membership-empty-collection");
  const inherited = documentOf(["specializationOf(e1, e)", "specializationOf(e2, e1)", "hadMember(e2, e3)"], {
    entities: [empty],
  });
  assert.deepEqual(checkProv(inherited).violations[0]?.constraint, "membership-empty-collection");
});

test("a bundle is checked by itself, and what breaks it names it", () => {
  const inner = documentOf(["wasDerivedFrom(e, e, -, -, -)"]);
  const document = documentOf([], { bundles: [{ ...inner, name: ex("b") }] });
  assert.deepEqual(checkProv(document), {
    valid: false,
    violations: [
      {
        constraint: "strict-order-cycle",
        detail: "nothing comes before itself",
        names: ["http://example.org/e", "http://example.org/e"],
        bundle: "ex:b",
      },
    ],
    clocks: [],
  });
  const apart = [documentOf(["wasDerivedFrom(e1, e2, -, -, -)"]), documentOf(["wasDerivedFrom(e2, e1, -, -, -)"])];
  const bundles = apart.map((contents, i) => ({ ...contents, name: ex(`b${i}`) }));
  assert.equal(checkProv(documentOf([], { bundles })).valid, true);
});

test("times that contradict the order are told, and do not make a document invalid", () => {
  const { valid, clocks } = checkProv(
    documentOf(["wasGeneratedBy(e, a, 2026-03-01T09:00:00Z)", "used(a1, e, 2026-03-01T09:30:00+01:00)"]),
  );
  assert.equal(valid, true);
  assert.deepEqual(
    clocks.map(({ constraint, detail }) => [constraint, detail]),
    [
      [
        "clock-order",
        "the generation of 2026-03-01T09:00:00.000Z must not come after the usage of 2026-03-01T08:30:00.000Z",
      ],
    ],
  );
  const same = documentOf(["wasGeneratedBy(e, a, 2026-03-01T09:00:00Z)", "used(a1, e, 2026-03-01T10:00:00+01:00)"]);
  assert.deepEqual(checkProv(same).clocks, []);
});

test("an order through events without a time is kept, too", () => {
  const { clocks } = checkProv(
    documentOf([
      "wasGeneratedBy(e1, a, 2026-03-01T09:00:00Z)",
      "wasDerivedFrom(e2, e1, -, -, -)",
      "wasDerivedFrom(e3, e2, -, -, -)",
      "wasGeneratedBy(e3, a1, 2026-03-01T08:00:00Z)",
    ]),
  );
  assert.deepEqual(
    clocks[0]?.names,
    ["e1", "a", "e3", "a1"].map((name) => `http://example.org/${name}`),
  );
});

test("the hand-made story is valid and its clocks agree, as one account and in bundles", () => {
  for (const bundles of ["none", "institution"] as const) {
    const { valid, violations, clocks } = checkProv(provDocument(story(), { bundles }));
    assert.deepEqual([valid, violations, clocks], [true, [], []]);
  }
});

test("a record that is used before it is said to be created is told of, not moved", () => {
  const [order, measure, report] = story();
  assert.ok(order && measure && report);
  const early = { start: { given: "2026-03-02T07:30:00Z", utc: "2026-03-02T07:30:00.000Z" } };
  const moved = { ...report, event: { ...report.event, occurred: { start: early.start, end: early.start } } };
  const { valid, clocks } = checkProv(provDocument([order, measure, moved]));
  assert.equal(valid, true);
  assert.ok(clocks.some(({ names }) => names.includes("urn:medtrace:local:laboratory/Observation/1")));
});

test("two records that are each said to be made from the other break the order, and both statements stand", () => {
  const [, measure, report] = story();
  assert.ok(measure && report);
  const back = { from: "hospital-a/DiagnosticReport/1", to: "laboratory/Observation/1" };
  const circular = { ...measure, derivations: [{ ...back, relation: "wasDerivedFrom" as const }] };
  const document = provDocument([circular, report]);
  assert.deepEqual(
    checkProv(document).violations.map(({ constraint }) => constraint),
    ["strict-order-cycle"],
  );
  assert.equal(document.relations.filter(({ kind }) => kind === "wasDerivedFrom").length, 2);
});

test("a long chain and many faults stay within bounds", () => {
  const long = Array.from({ length: 20_000 }, (_, i) => `wasDerivedFrom(x${i + 1}, x${i}, a, -, -)`);
  assert.equal(checkProv(documentOf(long)).valid, true);
  const ring = checkProv(documentOf([...long, "wasDerivedFrom(x0, x20000, a, -, -)"]));
  assert.deepEqual(
    ring.violations.map(({ constraint }) => constraint),
    ["strict-order-cycle"],
  );
  const many = Array.from({ length: 1_000 }, (_, i) => `specializationOf(x${i}, x${i})`);
  assert.equal(checkProv(documentOf(many)).violations.length, VIOLATIONS_MAX);
});
