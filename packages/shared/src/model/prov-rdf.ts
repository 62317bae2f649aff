/**
 * PROV-O (W3C Recommendation of 30 April 2013): a document as RDF, for Turtle and JSON-LD. Each relation has its plain
 * property and, where it has more to say (a time, a role, an activity), the qualified form of section 3.3 beside it.
 */
import type { ProvAttributes, ProvDocument, ProvRelation, ProvValue, RelationKind } from "./prov.ts";
import { PROV_NAMESPACES, type QualifiedName } from "./prov-names.ts";

/** A thing or a value; a node without `iri` is blank and stands where it is used. */
export type RdfObject =
  | { readonly iri: string }
  | { readonly text: string; readonly type?: string }
  | { readonly node: RdfNode };

export interface RdfNode {
  readonly iri?: string;
  /** IRIs of its classes. */
  readonly types: readonly string[];
  readonly properties: readonly (readonly [predicate: string, object: RdfObject])[];
}

export interface RdfGraph {
  /** Namespaces by prefix, PROV's own included. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly nodes: readonly RdfNode[];
}

/** Plain property, qualifying property and its class; the places of subject and object among the arguments. */
const SHAPES: Readonly<Record<RelationKind, readonly [string, string, string, string]>> = {
  used: ["used", "qualifiedUsage", "Usage", "entity"],
  wasGeneratedBy: ["wasGeneratedBy", "qualifiedGeneration", "Generation", "activity"],
  wasInvalidatedBy: ["wasInvalidatedBy", "qualifiedInvalidation", "Invalidation", "activity"],
  wasDerivedFrom: ["wasDerivedFrom", "qualifiedDerivation", "Derivation", "entity"],
  wasAssociatedWith: ["wasAssociatedWith", "qualifiedAssociation", "Association", "agent"],
  actedOnBehalfOf: ["actedOnBehalfOf", "qualifiedDelegation", "Delegation", "agent"],
  specializationOf: ["specializationOf", "", "", ""],
};

const DERIVATIONS: Readonly<Record<string, readonly [string, string, string, string]>> = {
  Revision: ["wasRevisionOf", "qualifiedRevision", "Revision", "entity"],
  Quotation: ["wasQuotedFrom", "qualifiedQuotation", "Quotation", "entity"],
};

const prov = (local: string): string => `${PROV_NAMESPACES.prov}${local}`;
const xsd = (local: string): string => `${PROV_NAMESPACES.xsd}${local}`;

/** The document as RDF; things in the order in which the document has them. */
export function provRdf(document: ProvDocument): RdfGraph {
  const namespaces = new Map([...Object.entries(PROV_NAMESPACES), ...document.namespaces]);
  const iriOf = ({ prefix, local }: QualifiedName): string => `${namespaces.get(prefix) ?? ""}${local}`;
  const nodes = new Map<string, { iri: string; types: string[]; properties: (readonly [string, RdfObject])[] }>();
  const node = (
    name: QualifiedName,
    type: string,
  ): { types: string[]; properties: (readonly [string, RdfObject])[] } => {
    const iri = iriOf(name);
    const known = nodes.get(iri) ?? { iri, types: [], properties: [] };
    if (!known.types.includes(prov(type))) known.types.push(prov(type));
    nodes.set(iri, known);
    return known;
  };
  const describe = (target: ReturnType<typeof node>, attributes: ProvAttributes): void => {
    for (const [name, values] of attributes) {
      for (const value of values) {
        if (name === "prov:type" && typeof value === "object" && "name" in value) target.types.push(iriOf(value.name));
        else target.properties.push([predicate(name, value, iriOf), objectOf(value, iriOf)]);
      }
    }
  };
  for (const { name, attributes } of document.entities) describe(node(name, "Entity"), attributes);
  for (const { name, attributes, start, end } of document.activities) {
    const activity = node(name, "Activity");
    if (start !== undefined) activity.properties.push([prov("startedAtTime"), { text: start, type: xsd("dateTime") }]);
    if (end !== undefined) activity.properties.push([prov("endedAtTime"), { text: end, type: xsd("dateTime") }]);
    describe(activity, attributes);
  }
  for (const { name, attributes } of document.agents) describe(node(name, "Agent"), attributes);
  for (const relation of document.relations) {
    const [subject] = relation.arguments;
    const about = typeof subject === "object" ? nodes.get(iriOf(subject)) : undefined;
    about?.properties.push(...relationProperties(relation, iriOf));
  }
  return { namespaces, nodes: [...nodes.values()] };
}

/** Roles that are names are prov:Role instances; a source's own codes are texts. */
function predicate(name: string, value: ProvValue, iriOf: (name: QualifiedName) => string): string {
  const [prefix = "", local = ""] = name.split(":");
  if (name === "prov:role") {
    return typeof value === "string" ? iriOf({ prefix: "mt", local: "role" }) : prov("hadRole");
  }
  return iriOf({ prefix, local });
}

function relationProperties(
  { kind, arguments: args, attributes }: ProvRelation,
  iriOf: (name: QualifiedName) => string,
): (readonly [string, RdfObject])[] {
  const [plain, qualified, type, influencer] = shapeOf(kind, attributes);
  const [, object, third] = args;
  if (typeof object !== "object") return [];
  const target = { iri: iriOf(object) };
  const details: (readonly [string, RdfObject])[] = [];
  if (typeof third === "string") details.push([prov("atTime"), { text: third, type: xsd("dateTime") }]);
  if (typeof third === "object") details.push([prov("hadActivity"), { iri: iriOf(third) }]);
  for (const [name, values] of attributes) {
    if (name === "prov:type") continue;
    for (const value of values) details.push([predicate(name, value, iriOf), objectOf(value, iriOf)]);
  }
  const property = [prov(plain), target] as const;
  if (details.length === 0) return [property];
  const node = { types: [prov(type)], properties: [[prov(influencer), target] as const, ...details] };
  return [property, [prov(qualified), { node }]];
}

function shapeOf(kind: RelationKind, attributes: ProvAttributes): readonly [string, string, string, string] {
  const type = attributes.get("prov:type")?.[0];
  const special = typeof type === "object" && "name" in type ? DERIVATIONS[type.name.local] : undefined;
  return special ?? SHAPES[kind];
}

function objectOf(value: ProvValue, iriOf: (name: QualifiedName) => string): RdfObject {
  if (typeof value === "string") return { text: value };
  return "name" in value ? { iri: iriOf(value.name) } : { text: value.text, type: xsd(value.type) };
}
