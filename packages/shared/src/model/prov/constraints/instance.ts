/**
 * A PROV instance (a document's own descriptions, or a bundle's) with what is not said filled in by variables
 * (PROV-CONSTRAINTS definitions 1 to 4), and derivations that name their activity expanded (inference 11).
 */
import type { ProvContents, ProvRelation, RelationKind } from "../document.ts";
import { RELATIONS } from "../document.ts";
import type { QualifiedName } from "../names.ts";
import { type Term, Terms } from "./terms.ts";

/** What the activities' times are merged with. */
export interface ActivityFact {
  readonly id: string;
  readonly start: Term;
  readonly end: Term;
}

export interface RelationFact {
  readonly kind: RelationKind;
  readonly id: Term;
  /** In the order of RELATIONS; undefined where nothing is, which is not the same as something unknown. */
  readonly arguments: readonly (Term | undefined)[];
  /** The statement that it stands for; undefined where it was inferred. */
  readonly said: ProvRelation | undefined;
}

export interface Instance {
  /** IRIs of what is declared. */
  readonly entities: ReadonlySet<string>;
  readonly agents: ReadonlySet<string>;
  readonly activities: readonly ActivityFact[];
  readonly relations: readonly RelationFact[];
}

export type IriOf = (name: QualifiedName) => string;

/** Arguments that may be absent for good: `-` is then no variable (definition 4 and its table). */
const PLACEHOLDERS: Partial<Record<RelationKind, ReadonlySet<string>>> = {
  wasDerivedFrom: new Set(["activity", "generation", "usage"]),
  wasAssociatedWith: new Set(["plan"]),
};

export function instanceOf(contents: ProvContents, iriOf: IriOf): Instance {
  const relations: RelationFact[] = [];
  const terms = new Terms();
  for (const said of contents.relations) {
    const fact = factOf(said, iriOf, terms);
    relations.push(fact, ...inferred(fact, terms));
  }
  return {
    entities: new Set(contents.entities.map(({ name }) => iriOf(name))),
    agents: new Set(contents.agents.map(({ name }) => iriOf(name))),
    activities: contents.activities.map(({ name, start, end }) => ({
      id: iriOf(name),
      start: timeTerm(start, terms),
      end: timeTerm(end, terms),
    })),
    relations,
  };
}

function factOf(said: ProvRelation, iriOf: IriOf, terms: Terms): RelationFact {
  const { kind, id } = said;
  const names: readonly string[] = RELATIONS[kind];
  const args = names.map((name, place) => {
    const argument = said.arguments[place];
    if (name === "time") return timeTerm(typeof argument === "string" ? argument : undefined, terms);
    if (typeof argument === "object") return terms.constant(iriOf(argument));
    return PLACEHOLDERS[kind]?.has(name) === true ? undefined : terms.variable();
  });
  return { kind, id: id === undefined ? terms.variable() : terms.constant(iriOf(id)), arguments: args, said };
}

/** The usage and the generation that a derivation by a known activity goes through (inference 11). */
function inferred({ kind, arguments: args }: RelationFact, terms: Terms): RelationFact[] {
  const [generated, source, activity, generation, usage] = args;
  if (kind !== "wasDerivedFrom" || activity === undefined) return [];
  return [
    { kind: "used", id: usage ?? terms.variable(), arguments: [activity, source, terms.variable()], said: undefined },
    {
      kind: "wasGeneratedBy",
      id: generation ?? terms.variable(),
      arguments: [generated, activity, terms.variable()],
      said: undefined,
    },
  ];
}

function timeTerm(text: string | undefined, terms: Terms): Term {
  return text === undefined ? terms.variable() : terms.constant(instantOf(text));
}

/** Times are one where they are one instant, whatever their offsets; one without an offset is no instant. */
export function instantOf(text: string): string {
  const instant = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(instant) ? text : `${instant}${fractionBeyondMs(text)}`;
}

function fractionBeyondMs(text: string): string {
  const digits = /\.\d{3}(\d+)/.exec(text)?.[1]?.replace(/0+$/, "") ?? "";
  return digits === "" ? "" : `.${digits}`;
}
