/** Type and impossibility constraints (PROV-CONSTRAINTS sections 6.3 and 6.4). */
import type { ProvContents, RelationKind } from "../document.ts";
import { RELATIONS } from "../document.ts";
import type { QualifiedName } from "../names.ts";
import type { IriOf } from "./instance.ts";
import type { Report } from "./violations.ts";

/** What each argument is (constraint 50); one that is not here may be anything. */
const ARGUMENT_TYPES: Readonly<Record<string, "entity" | "activity" | "agent">> = {
  activity: "activity",
  starter: "activity",
  ender: "activity",
  informed: "activity",
  informant: "activity",
  entity: "entity",
  trigger: "entity",
  generatedEntity: "entity",
  usedEntity: "entity",
  plan: "entity",
  specificEntity: "entity",
  generalEntity: "entity",
  alternate1: "entity",
  alternate2: "entity",
  collection: "entity",
  agent: "agent",
  delegate: "agent",
  responsible: "agent",
};

/** Types that only entities have. */
const ENTITY_TYPES: ReadonlySet<string> = new Set(["Bundle", "Collection", "EmptyCollection"]);

export function checkTypes(contents: ProvContents, iriOf: IriOf, report: Report): void {
  const types = new Map<string, Set<string>>();
  const put = (iri: string, type: string): void => {
    const known = types.get(iri) ?? new Set();
    types.set(iri, known.add(type));
  };
  const kinds = new Map<string, Set<RelationKind>>();
  const identify = (name: QualifiedName, kind: RelationKind): void => {
    kinds.set(iriOf(name), (kinds.get(iriOf(name)) ?? new Set()).add(kind));
  };
  declareThings(contents, iriOf, put);
  for (const { kind, id, arguments: args } of contents.relations) {
    const names: readonly string[] = RELATIONS[kind];
    names.forEach((name, place) => {
      const argument = args[place];
      const type = ARGUMENT_TYPES[name];
      if (typeof argument === "object" && type !== undefined) put(iriOf(argument), type);
    });
    const [collection] = args;
    if (kind === "hadMember" && typeof collection === "object") put(iriOf(collection), "member");
    if (id !== undefined) identify(id, kind);
    const [generation, usage] = args.slice(3);
    if (kind === "wasDerivedFrom" && typeof generation === "object") identify(generation, "wasGeneratedBy");
    if (kind === "wasDerivedFrom" && typeof usage === "object") identify(usage, "used");
  }
  inheritEmptiness(contents, iriOf, types);
  for (const [iri, has] of types) {
    if (has.has("entity") && has.has("activity")) report("entity-activity-disjoint", [iri]);
    if (has.has("member") && has.has("EmptyCollection")) report("membership-empty-collection", [iri]);
    if (kinds.has(iri)) report("impossible-object-property-overlap", [iri]);
  }
  for (const [iri, of] of kinds) {
    of.delete("wasInfluencedBy");
    if (of.size > 1) report("impossible-property-overlap", [iri]);
  }
}

/** A specialization has the attributes of what it specializes (inference 21): of types, this one matters. */
function inheritEmptiness(contents: ProvContents, iriOf: IriOf, types: ReadonlyMap<string, Set<string>>): void {
  const specific = new Map<string, string[]>();
  for (const { kind, arguments: args } of contents.relations) {
    const [one, general] = args;
    if (kind !== "specializationOf" || typeof one !== "object" || typeof general !== "object") continue;
    const row = specific.get(iriOf(general)) ?? [];
    row.push(iriOf(one));
    specific.set(iriOf(general), row);
  }
  const open = [...types].flatMap(([iri, has]) => (has.has("EmptyCollection") ? [iri] : []));
  for (let iri = open.pop(); iri !== undefined; iri = open.pop()) {
    for (const one of specific.get(iri) ?? []) {
      const has = types.get(one);
      if (has === undefined || has.has("EmptyCollection")) continue;
      has.add("EmptyCollection");
      open.push(one);
    }
  }
}

function declareThings(contents: ProvContents, iriOf: IriOf, put: (iri: string, type: string) => void): void {
  for (const [type, elements] of [
    ["entity", contents.entities],
    ["activity", contents.activities],
    ["agent", contents.agents],
  ] as const) {
    for (const { name, attributes } of elements) {
      put(iriOf(name), type);
      for (const value of attributes.get("prov:type") ?? []) {
        if (typeof value !== "object" || !("name" in value) || value.name.prefix !== "prov") continue;
        if (!ENTITY_TYPES.has(value.name.local)) continue;
        put(iriOf(name), value.name.local);
        put(iriOf(name), "entity");
      }
    }
  }
}

/** Constraint 51. */
export function checkDerivations(contents: ProvContents, iriOf: IriOf, report: Report): void {
  for (const { kind, arguments: args } of contents.relations) {
    const [made, source, activity, generation, usage] = args;
    if (kind !== "wasDerivedFrom" || activity !== undefined) continue;
    if (generation === undefined && usage === undefined) continue;
    const names = [made, source].map((name) => (typeof name === "object" ? iriOf(name) : undefined));
    report("impossible-unspecified-derivation-generation-use", names);
  }
}
