/**
 * PROV-O (W3C Recommendation of 30 April 2013): a document as RDF, for Turtle, TriG and JSON-LD. Each relation has its
 * plain property and, where it has more to say (a time, a role, an activity), the qualified form of section 3.3 beside
 * it. A bundle is a named graph.
 */
import {
  type ProvAttributes,
  type ProvContents,
  type ProvDocument,
  type ProvRelation,
  type ProvValue,
  RELATIONS,
} from "./document.ts";
import { MEDTRACE_NAMESPACE, PROV_NAMESPACES, type QualifiedName } from "./names.ts";
import { SHAPES, type Shape, SPECIAL_DERIVATIONS } from "./rdf-shapes.ts";

/** A thing or a value; a node without `iri` is blank and stands where it is used. */
export type RdfObject =
  | { readonly iri: string }
  | { readonly text: string; readonly type?: string }
  | { readonly text: string; readonly language: string }
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
  /** Named graphs: the bundles. */
  readonly graphs: readonly { readonly iri: string; readonly nodes: readonly RdfNode[] }[];
}

type Property = readonly [predicate: string, object: RdfObject];
type Iri = (name: QualifiedName) => string;

interface Node extends RdfNode {
  readonly types: string[];
  readonly properties: Property[];
}

const RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label";
const prov = (local: string): string => `${PROV_NAMESPACES.prov}${local}`;
const xsd = (local: string): string => `${PROV_NAMESPACES.xsd}${local}`;

/** The document as RDF; things in the order in which the document has them. */
export function provRdf(document: ProvDocument): RdfGraph {
  const namespaces = new Map([...Object.entries(PROV_NAMESPACES), ...document.namespaces]);
  const iriOf: Iri = ({ prefix, local }) => `${namespaces.get(prefix) ?? ""}${local}`;
  const graphs = document.bundles.map((bundle) => ({ iri: iriOf(bundle.name), nodes: nodesOf(bundle, iriOf) }));
  return { namespaces, nodes: nodesOf(document, iriOf), graphs };
}

function nodesOf(contents: ProvContents, iriOf: Iri): RdfNode[] {
  const nodes = new Map<string, Node>();
  const node = (name: QualifiedName): Node => {
    const iri = iriOf(name);
    const known = nodes.get(iri) ?? { iri, types: [], properties: [] };
    nodes.set(iri, known);
    return known;
  };
  const element = (name: QualifiedName, type: string, attributes: ProvAttributes): Node => {
    const known = node(name);
    if (!known.types.includes(prov(type))) known.types.push(prov(type));
    describe(known, attributes, iriOf);
    return known;
  };
  for (const { name, attributes } of contents.entities) element(name, "Entity", attributes);
  for (const { name, attributes, start, end } of contents.activities) {
    const { properties } = element(name, "Activity", new Map());
    if (start !== undefined) properties.push([prov("startedAtTime"), { text: start, type: xsd("dateTime") }]);
    if (end !== undefined) properties.push([prov("endedAtTime"), { text: end, type: xsd("dateTime") }]);
    describe(node(name), attributes, iriOf);
  }
  for (const { name, attributes } of contents.agents) element(name, "Agent", attributes);
  for (const relation of contents.relations) {
    const [subject] = relation.arguments;
    if (typeof subject === "object") node(subject).properties.push(...relationProperties(relation, iriOf));
  }
  return [...nodes.values()];
}

function describe(target: Node, attributes: ProvAttributes, iriOf: Iri): void {
  for (const [name, values] of attributes) {
    for (const value of values) {
      if (name === "prov:type" && typeof value === "object" && "name" in value) target.types.push(iriOf(value.name));
      else target.properties.push([predicate(name, value, iriOf), objectOf(value, iriOf)]);
    }
  }
}

/** Attributes of PROV-DM that PROV-O names otherwise (PROV-O section 3, PROV-DM table 8). */
const NAMED_OTHERWISE: ReadonlyMap<string, string> = new Map([
  ["prov:label", RDFS_LABEL],
  ["prov:location", prov("atLocation")],
]);

/** Roles that are names are prov:Role instances; a source's own codes are texts. */
function predicate(name: string, value: ProvValue, iriOf: Iri): string {
  if (name === "prov:role") {
    return typeof value === "object" && "name" in value ? prov("hadRole") : `${MEDTRACE_NAMESPACE}role`;
  }
  const colon = name.indexOf(":");
  return NAMED_OTHERWISE.get(name) ?? iriOf({ prefix: name.slice(0, colon), local: name.slice(colon + 1) });
}

function relationProperties(relation: ProvRelation, iriOf: Iri): Property[] {
  const { kind, id, arguments: args, attributes } = relation;
  const shape = shapeOf(relation);
  const object = args[1];
  const target = typeof object === "object" ? { iri: iriOf(object) } : undefined;
  const plain: Property[] = target === undefined ? [] : [[prov(shape.plain), target]];
  if (shape.qualified === undefined) return plain;
  const names: readonly string[] = RELATIONS[kind];
  const details = names.slice(2).flatMap((name, place): Property[] => {
    const argument = args[place + 2];
    if (argument === undefined) return [];
    if (typeof argument === "string") return [[prov("atTime"), { text: argument, type: xsd("dateTime") }]];
    return [[prov(DETAILS[name] ?? name), { iri: iriOf(argument) }]];
  });
  const node: Node = { types: [prov(shape.type)], properties: [], ...(id === undefined ? {} : { iri: iriOf(id) }) };
  if (target !== undefined) node.properties.push([prov(shape.influencer), target]);
  node.properties.push(...details);
  describe(node, new Map([...attributes].map(([name, values]) => [name, without(name, values, shape)])), iriOf);
  const saysMore = id !== undefined || details.length > 0 || node.properties.length > 1 || node.types.length > 1;
  return saysMore ? [...plain, [prov(shape.qualified), { node }]] : plain;
}

/** A type that the shape says already. */
function without(name: string, values: readonly ProvValue[], shape: Shape): readonly ProvValue[] {
  if (name !== "prov:type") return values;
  return values.filter((value) => !(isProvName(value) && value.name.local === shape.type));
}

function isProvName(value: ProvValue): value is { readonly name: QualifiedName } {
  return typeof value === "object" && "name" in value && value.name.prefix === "prov";
}

/** PROV-O's properties for what a relation names third or later. */
const DETAILS: Readonly<Record<string, string>> = {
  activity: "hadActivity",
  starter: "hadActivity",
  ender: "hadActivity",
  generation: "hadGeneration",
  usage: "hadUsage",
  plan: "hadPlan",
};

function shapeOf({ kind, attributes }: ProvRelation): Shape {
  if (kind !== "wasDerivedFrom") return SHAPES[kind];
  const types = (attributes.get("prov:type") ?? []).flatMap((value) => (isProvName(value) ? [value.name.local] : []));
  const special = types.map((type) => SPECIAL_DERIVATIONS.get(type)).find((shape) => shape !== undefined);
  return special ?? SHAPES[kind];
}

function objectOf(value: ProvValue, iriOf: Iri): RdfObject {
  if (typeof value === "string") return { text: value };
  if ("name" in value) return { iri: iriOf(value.name) };
  return "language" in value ? value : { text: value.text, type: iriOf(value.type) };
}
