/** Event ordering constraints (PROV-CONSTRAINTS section 6.2, constraints 30 to 49) as edges between events. */
import { type EventGraph, eventsOf } from "./events.ts";
import type { Instance, RelationFact } from "./instance.ts";
import { constantOf, type Term } from "./terms.ts";

/** The events of an instance, with all that must come before something else. */
export function orderedEvents(instance: Instance): EventGraph {
  const graph = eventsOf(instance);
  for (const table of [graph.generations, graph.invalidations, graph.starts, graph.ends]) {
    for (const row of table.values()) simultaneous(graph, row);
  }
  between(graph, graph.generations, graph.invalidations);
  between(graph, graph.starts, graph.ends);
  withinActivities(graph);
  for (const fact of instance.relations) orderRelation(graph, fact);
  specializations(graph, instance.relations);
  return graph;
}

/** One of the events of a row: they are all at one time, so that what holds for one holds for each. */
function any(table: ReadonlyMap<string, readonly number[]>, term: Term | undefined): number | undefined {
  return table.get(constantOf(term) ?? "")?.[0];
}

/** Constraints 31, 32, 39 and 40: a ring of what is at one time. */
function simultaneous(graph: EventGraph, row: readonly number[]): void {
  if (row.length < 2) return;
  row.forEach((node, i) => {
    graph.precede(node, row[(i + 1) % row.length]);
  });
}

/** Constraints 30 and 36. */
function between(graph: EventGraph, first: EventGraph["starts"], last: EventGraph["ends"]): void {
  for (const [name, [node]] of first) graph.precede(node, last.get(name)?.[0]);
}

/** Constraints 33, 34, 37, 38, 43 and 44. */
function withinActivities(graph: EventGraph): void {
  const { generations, invalidations, starts, ends, facts } = graph;
  for (const { node, fact } of facts) {
    const [first, second] = fact.arguments;
    if (fact.kind === "used" || fact.kind === "wasGeneratedBy") {
      const activity = fact.kind === "used" ? first : second;
      graph.precede(any(starts, activity), node);
      graph.precede(node, any(ends, activity));
    }
    if (fact.kind === "used" || fact.kind === "wasStartedBy" || fact.kind === "wasEndedBy") {
      graph.precede(any(generations, second), node);
      graph.precede(node, any(invalidations, second));
    }
  }
}

function orderRelation(graph: EventGraph, { kind, arguments: args }: RelationFact): void {
  const { generations, invalidations, starts, ends } = graph;
  const [one, other, , generation, usage] = args;
  switch (kind) {
    case "wasDerivedFrom": // 41 and 42
      graph.precede(idOf(graph, "usage", usage), idOf(graph, "generation", generation));
      graph.precede(any(generations, other), any(generations, one), true);
      break;
    case "wasInformedBy": // 35
      graph.precede(any(starts, other), any(ends, one));
      break;
    case "wasAssociatedWith": // 47
      graph.precede(any(starts, one), any(invalidations, other));
      graph.precede(any(generations, other), any(ends, one));
      graph.precede(any(starts, one), any(ends, other));
      graph.precede(any(starts, other), any(ends, one));
      break;
    case "wasAttributedTo": // 48
      graph.precede(any(generations, other), any(generations, one));
      graph.precede(any(starts, other), any(generations, one));
      break;
    case "actedOnBehalfOf": // 49
      graph.precede(any(generations, other), any(invalidations, one));
      graph.precede(any(starts, other), any(ends, one));
      break;
  }
}

function idOf(graph: EventGraph, kind: string, term: Term | undefined): number | undefined {
  return graph.byId.get(`${kind} ${constantOf(term) ?? ""}`);
}

/**
 * Constraints 45 and 46, over the closure of specialization (inference 19): an entity in between that is not declared
 * has no events of its own, and is bridged.
 */
function specializations(graph: EventGraph, relations: readonly RelationFact[]): void {
  const bridges = new Map<string, number>();
  const at = (kind: "generation" | "invalidation", term: Term | undefined): number | undefined => {
    const name = constantOf(term);
    if (name === undefined) return undefined;
    const own = any(kind === "generation" ? graph.generations : graph.invalidations, term);
    if (own !== undefined) return own;
    const key = `${kind} ${name}`;
    const bridge = bridges.get(key) ?? graph.add({ kind, names: [name], time: undefined });
    bridges.set(key, bridge);
    return bridge;
  };
  for (const { kind, arguments: args } of relations) {
    if (kind !== "specializationOf") continue;
    const [specific, general] = args;
    graph.precede(at("generation", general), at("generation", specific));
    graph.precede(at("invalidation", specific), at("invalidation", general));
  }
}
