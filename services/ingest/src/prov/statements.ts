/** The statements of a PROV document, gathered by the activity that each is about. */
import type {
  ProvAttributes,
  ProvContents,
  ProvElement,
  ProvRelation,
  RelationKind,
} from "@medtrace/shared/model/prov/document";
import { MEDTRACE_NAMESPACE, nameText, type QualifiedName } from "@medtrace/shared/model/prov/names";

/** What is said of one activity. */
export interface ActivityStatements {
  /** Undefined for a derivation of which nobody says what activity it was. */
  readonly name: QualifiedName | undefined;
  readonly attributes: ProvAttributes;
  readonly start: string | undefined;
  readonly end: string | undefined;
  readonly used: ProvRelation[];
  readonly generated: ProvRelation[];
  readonly invalidated: ProvRelation[];
  readonly derived: ProvRelation[];
  readonly associated: ProvRelation[];
}

/** What this platform reads of an entity's or agent's attributes. */
export interface Description {
  readonly types: QualifiedName[];
  readonly labels: string[];
  /** `mt:recordType` and `mt:version`. */
  readonly recordTypes: string[];
  readonly versions: string[];
}

export interface Gathered {
  readonly activities: readonly ActivityStatements[];
  /** What is said of an entity or agent. */
  readonly describe: (name: QualifiedName) => Description;
  /** Those for whom an agent acted, by the activity and the delegate; for all activities under the delegate alone. */
  readonly delegations: ReadonlyMap<string, QualifiedName>;
  /** How many statements have no place in a trace event, by their kind. */
  readonly left: Readonly<Record<string, number>>;
}

/** Where each relation names its activity. */
const ACTIVITY_AT: Partial<Record<RelationKind, number>> = {
  used: 0,
  wasGeneratedBy: 1,
  wasInvalidatedBy: 1,
  wasDerivedFrom: 2,
  wasAssociatedWith: 0,
};

const NOTHING: ProvAttributes = new Map();

/** Gathers; linear in the statements. */
export function gathered(contents: ProvContents, iriOf: (name: QualifiedName) => string): Gathered {
  const activities = new Map<string, ActivityStatements>();
  const left = new Map<string, number>();
  const delegations = new Map<string, QualifiedName>();
  const of = (name: QualifiedName | undefined, key = name === undefined ? "" : nameText(name)): ActivityStatements => {
    const known = activities.get(key) ?? { ...EMPTY(), name, attributes: NOTHING, start: undefined, end: undefined };
    activities.set(key, known);
    return known;
  };
  for (const { name, attributes, start, end } of contents.activities) {
    const known = activities.get(nameText(name)) ?? EMPTY();
    activities.set(nameText(name), { ...known, name, attributes, start, end });
  }
  const describe = descriptionsOf([...contents.entities, ...contents.agents], iriOf);
  const generators = generatorsOf(contents);
  for (const relation of contents.relations) {
    const list = LISTS[relation.kind];
    if (relation.kind === "actedOnBehalfOf") delegate(delegations, relation);
    else if (list === undefined) left.set(relation.kind, (left.get(relation.kind) ?? 0) + 1);
    else {
      const name = named(relation, ACTIVITY_AT[relation.kind]) ?? generators.get(textOf(relation.arguments[0]));
      // What nobody says to be of one activity is each of its own.
      const key = name === undefined ? `${relation.kind} ${textOf(relation.arguments[0])}` : nameText(name);
      of(name, key)[list].push(relation);
    }
  }
  return { activities: [...activities.values()], describe, delegations, left: Object.fromEntries(left) };
}

const LISTS = {
  used: "used",
  wasGeneratedBy: "generated",
  wasInvalidatedBy: "invalidated",
  wasDerivedFrom: "derived",
  wasAssociatedWith: "associated",
} as const satisfies Partial<Record<RelationKind, keyof ActivityStatements>> as Partial<
  Record<RelationKind, "used" | "generated" | "invalidated" | "derived" | "associated">
>;

function EMPTY(): ActivityStatements {
  return {
    name: undefined,
    attributes: NOTHING,
    start: undefined,
    end: undefined,
    used: [],
    generated: [],
    invalidated: [],
    derived: [],
    associated: [],
  };
}

const UNDESCRIBED: Description = { types: [], labels: [], recordTypes: [], versions: [] };

/** Each description is read once: many statements name one thing. */
function descriptionsOf(
  elements: readonly ProvElement[],
  iriOf: (name: QualifiedName) => string,
): (name: QualifiedName) => Description {
  const described = new Map<string, Description>();
  for (const { name, attributes } of elements) {
    const known = described.get(nameText(name)) ?? { types: [], labels: [], recordTypes: [], versions: [] };
    described.set(nameText(name), known);
    for (const [key, values] of attributes) {
      const iri = iriOf(parsed(key));
      const texts = values.filter((value) => typeof value === "string").filter((value) => value !== "");
      if (iri === `${MEDTRACE_NAMESPACE}recordType`) known.recordTypes.push(...texts);
      if (iri === `${MEDTRACE_NAMESPACE}version`) known.versions.push(...texts);
      for (const value of values) {
        if (key === "prov:type" && typeof value === "object" && "name" in value) known.types.push(value.name);
        if (key !== "prov:label") continue;
        if (typeof value === "string") known.labels.push(value);
        else if ("text" in value) known.labels.push(value.text);
      }
    }
  }
  return (name) => described.get(nameText(name)) ?? UNDESCRIBED;
}

/** The name that an attribute's key is. */
export function parsed(key: string): QualifiedName {
  const colon = key.indexOf(":");
  return { prefix: key.slice(0, colon), local: key.slice(colon + 1) };
}

/** The activity that generated each entity: a derivation that names none went through it. */
function generatorsOf({ relations }: ProvContents): Map<string, QualifiedName> {
  const generators = new Map<string, QualifiedName>();
  for (const { kind, arguments: args } of relations) {
    const [entity, activity] = args;
    if (kind === "wasGeneratedBy" && typeof activity === "object") generators.set(textOf(entity), activity);
  }
  return generators;
}

function delegate(delegations: Map<string, QualifiedName>, { arguments: args }: ProvRelation): void {
  const [from, to, activity] = args;
  if (typeof to === "object") delegations.set(`${textOf(activity)} ${textOf(from)}`, to);
}

function named({ arguments: args }: ProvRelation, place: number | undefined): QualifiedName | undefined {
  const name = place === undefined ? undefined : args[place];
  return typeof name === "object" ? name : undefined;
}

/** `prefix:local`; empty where there is no name. */
export function textOf(argument: QualifiedName | string | undefined): string {
  return typeof argument === "object" ? nameText(argument) : "";
}
