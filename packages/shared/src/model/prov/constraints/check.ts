/**
 * PROV-CONSTRAINTS (W3C Recommendation of 30 April 2013): whether a document is valid, and beyond that, whether its clocks
 * agree with the order that its statements imply. A document and each of its bundles are checked by themselves
 * (section 7.2).
 */
import type { ProvContents, ProvDocument } from "../document.ts";
import { nameText, PROV_NAMESPACES, type QualifiedName } from "../names.ts";
import { checkClocks } from "./clocks.ts";
import type { EventGraph } from "./events.ts";
import { componentsOf } from "./graph.ts";
import { type IriOf, instanceOf } from "./instance.ts";
import { mergeAll } from "./merge.ts";
import { orderedEvents } from "./order.ts";
import { checkDerivations, checkTypes } from "./typing.ts";
import { DEMANDS, type ProvViolation, type Report } from "./violations.ts";

export interface ProvVerdict {
  /** By the Recommendation, which orders events by what is said of them and not by their times. */
  readonly valid: boolean;
  /** What breaks a constraint; the first {@link VIOLATIONS_MAX}. */
  readonly violations: readonly ProvViolation[];
  /** Events whose times contradict their order: `clock-order`; the first {@link VIOLATIONS_MAX}. */
  readonly clocks: readonly ProvViolation[];
}

export const VIOLATIONS_MAX = 100;

/** Checks a document and its bundles. Pure; takes time and memory in proportion to the statements. */
export function checkProv(document: ProvDocument): ProvVerdict {
  const namespaces = new Map([...Object.entries(PROV_NAMESPACES), ...document.namespaces]);
  const known = new Map<QualifiedName, string>();
  // A name is asked for many times, and a text that is built anew is hashed anew.
  const iriOf: IriOf = (name) => {
    const iri = known.get(name) ?? `${namespaces.get(name.prefix) ?? `${name.prefix}:`}${name.local}`;
    known.set(name, iri);
    return iri;
  };
  const violations: ProvViolation[] = [];
  const clocks: ProvViolation[] = [];
  for (const contents of [document, ...document.bundles]) {
    const bundle = "name" in contents ? nameText(contents.name) : undefined;
    checkContents(contents, iriOf, reporter(violations, bundle), reporter(clocks, bundle));
  }
  return { valid: violations.length === 0, violations, clocks };
}

function reporter(found: ProvViolation[], bundle: string | undefined): Report {
  return (constraint, names, detail = DEMANDS[constraint] ?? constraint) => {
    if (found.length >= VIOLATIONS_MAX) return;
    found.push({
      constraint,
      detail,
      names: names.filter((name) => name !== undefined),
      ...(bundle === undefined ? {} : { bundle }),
    });
  };
}

function checkContents(contents: ProvContents, iriOf: IriOf, report: Report, clocks: Report): void {
  checkTypes(contents, iriOf, report);
  checkDerivations(contents, iriOf, report);
  const instance = instanceOf(contents, iriOf);
  mergeAll(instance, report);
  checkSpecializations(contents, iriOf, report);
  const graph = orderedEvents(instance);
  const components = componentsOf(graph.edges);
  checkCycles(graph, components, report);
  checkClocks(graph, components, clocks);
}

/** Something strictly before itself: a strict edge within a component. */
function checkCycles({ nodes, edges }: EventGraph, components: readonly number[], report: Report): void {
  const told = new Set<number | undefined>();
  edges.forEach((leading, from) => {
    for (const { to, strict } of leading) {
      if (!strict || components[from] !== components[to] || told.has(components[from])) continue;
      told.add(components[from]);
      report("strict-order-cycle", [nodes[from]?.names[0], nodes[to]?.names[0]]);
    }
  });
}

/** Constraint 52, over the closure of specialization. */
function checkSpecializations(contents: ProvContents, iriOf: IriOf, report: Report): void {
  const places = new Map<string, number>();
  const names: string[] = [];
  const edges: { to: number; strict: boolean }[][] = [];
  const place = (name: string): number => {
    const known = places.get(name) ?? names.push(name) - 1;
    places.set(name, known);
    edges[known] ??= [];
    return known;
  };
  for (const { kind, arguments: args } of contents.relations) {
    const [specific, general] = args;
    if (kind !== "specializationOf" || typeof specific !== "object" || typeof general !== "object") continue;
    edges[place(iriOf(specific))]?.push({ to: place(iriOf(general)), strict: true });
  }
  const components = componentsOf(edges);
  edges.forEach((leading, from) => {
    if (leading.some(({ to }) => components[to] === components[from])) {
      report("impossible-specialization-reflexive", [names[from]]);
    }
  });
}
