/**
 * Instantaneous events of an instance (PROV-CONSTRAINTS section 6.2): generations, usages, invalidations, starts, ends.
 * Statements that were merged are one event; what is declared has a beginning and an end even where nothing says so
 * (inferences 7 and 8).
 */
import type { RelationKind } from "../document.ts";
import type { Edge } from "./graph.ts";
import type { Instance, RelationFact } from "./instance.ts";
import { constantOf, resolved, type Term } from "./terms.ts";

export interface EventNode {
  /** What happened, in words. */
  readonly kind: "generation" | "invalidation" | "usage" | "start" | "end";
  /** IRIs of the thing and of the activity, as far as they are known. */
  readonly names: readonly (string | undefined)[];
  /** {@link instantOf}; undefined where it is not known. */
  readonly time: string | undefined;
}

export interface EventGraph {
  readonly nodes: EventNode[];
  readonly edges: Edge[][];
  /** Events of things, by IRI. */
  readonly generations: Map<string, number[]>;
  readonly invalidations: Map<string, number[]>;
  readonly starts: Map<string, number[]>;
  readonly ends: Map<string, number[]>;
  readonly usages: { readonly node: number; readonly fact: RelationFact }[];
  /** Events by the identifier of their statement. */
  readonly byId: Map<string, number>;
  /** Facts that are events, each with its node. */
  readonly facts: { readonly node: number; readonly fact: RelationFact }[];
  precede(before: number | undefined, after: number | undefined, strict?: boolean): void;
  add(node: EventNode): number;
}

const KIND_OF: Partial<Record<RelationKind, EventNode["kind"]>> = {
  used: "usage",
  wasGeneratedBy: "generation",
  wasInvalidatedBy: "invalidation",
  wasStartedBy: "start",
  wasEndedBy: "end",
};

/** The events, without any order yet. */
export function eventsOf({ entities, activities, relations }: Instance): EventGraph {
  const graph = emptyGraph();
  const tables = {
    generation: graph.generations,
    invalidation: graph.invalidations,
    start: graph.starts,
    end: graph.ends,
  };
  const known = new Map<string | Term, number>();
  for (const fact of relations) {
    const kind = KIND_OF[fact.kind];
    if (kind === undefined) continue;
    const id = constantOf(fact.id);
    const key = id === undefined ? resolved(fact.id) : `${fact.kind} ${id}`;
    const [first, second] = fact.arguments;
    const time = constantOf(fact.arguments.at(-1));
    const node = known.get(key) ?? graph.add({ kind, names: [constantOf(first), constantOf(second)], time });
    if (!known.has(key) && kind !== "usage") push(tables[kind], constantOf(first), node);
    known.set(key, node);
    if (id !== undefined) graph.byId.set(`${kind} ${id}`, node);
    if (kind === "usage") graph.usages.push({ node, fact });
    graph.facts.push({ node, fact });
  }
  for (const entity of entities) {
    for (const kind of ["generation", "invalidation"] as const) imply(graph, tables[kind], kind, entity, undefined);
  }
  for (const { id, start, end } of activities) {
    imply(graph, graph.starts, "start", id, constantOf(start));
    imply(graph, graph.ends, "end", id, constantOf(end));
  }
  return graph;
}

function imply(
  graph: EventGraph,
  table: Map<string, number[]>,
  kind: EventNode["kind"],
  name: string,
  time: string | undefined,
): void {
  if (!table.has(name)) push(table, name, graph.add({ kind, names: [name], time }));
}

function push(table: Map<string, number[]>, key: string | undefined, node: number): void {
  if (key === undefined) return;
  const row = table.get(key) ?? [];
  row.push(node);
  table.set(key, row);
}

function emptyGraph(): EventGraph {
  const nodes: EventNode[] = [];
  const edges: Edge[][] = [];
  return {
    nodes,
    edges,
    generations: new Map(),
    invalidations: new Map(),
    starts: new Map(),
    ends: new Map(),
    usages: [],
    byId: new Map(),
    facts: [],
    precede(before, after, strict = false) {
      if (before !== undefined && after !== undefined) edges[before]?.push({ to: after, strict });
    },
    add(node) {
      edges.push([]);
      return nodes.push(node) - 1;
    },
  };
}
