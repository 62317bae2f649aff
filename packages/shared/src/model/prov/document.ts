/**
 * A PROV document as data (W3C PROV-DM, Recommendation of 30 April 2013): what every PROV form here is written from,
 * what PROV-JSON is read into, and what the constraints are checked on.
 */
import type { QualifiedName } from "./names.ts";

/**
 * Positional arguments of each relation, by the names that PROV-JSON gives them; those that are not known are
 * undefined. `time`, `startTime` and `endTime` are texts, all others are names.
 */
export const RELATIONS = {
  used: ["activity", "entity", "time"],
  wasGeneratedBy: ["entity", "activity", "time"],
  wasInvalidatedBy: ["entity", "activity", "time"],
  wasStartedBy: ["activity", "trigger", "starter", "time"],
  wasEndedBy: ["activity", "trigger", "ender", "time"],
  wasInformedBy: ["informed", "informant"],
  wasDerivedFrom: ["generatedEntity", "usedEntity", "activity", "generation", "usage"],
  wasAttributedTo: ["entity", "agent"],
  wasAssociatedWith: ["activity", "agent", "plan"],
  actedOnBehalfOf: ["delegate", "responsible", "activity"],
  wasInfluencedBy: ["influencee", "influencer"],
  alternateOf: ["alternate1", "alternate2"],
  specializationOf: ["specificEntity", "generalEntity"],
  hadMember: ["collection", "entity"],
} as const;

export type RelationKind = keyof typeof RELATIONS;

/** Relations that have neither an identifier nor attributes (PROV-DM table 5). */
export const BARE_RELATIONS: ReadonlySet<RelationKind> = new Set(["alternateOf", "specializationOf", "hadMember"]);

/** How many arguments each relation cannot be without (PROV-N sections 3.1 to 3.8). */
export const REQUIRED_ARGUMENTS: Readonly<Record<RelationKind, number>> = {
  used: 1,
  wasGeneratedBy: 1,
  wasInvalidatedBy: 1,
  wasStartedBy: 1,
  wasEndedBy: 1,
  wasInformedBy: 2,
  wasDerivedFrom: 2,
  wasAttributedTo: 2,
  wasAssociatedWith: 1,
  actedOnBehalfOf: 2,
  wasInfluencedBy: 2,
  alternateOf: 2,
  specializationOf: 2,
  hadMember: 2,
};

/** An attribute's value: a plain text, a name, a text of another type, or a text in a language (BCP 47). */
export type ProvValue =
  | string
  | { readonly name: QualifiedName }
  | { readonly text: string; readonly type: QualifiedName }
  | { readonly text: string; readonly language: string };

/** Attributes by `prefix:local`, each with at least one value. */
export type ProvAttributes = ReadonlyMap<string, readonly ProvValue[]>;

export interface ProvElement {
  readonly name: QualifiedName;
  readonly attributes: ProvAttributes;
}

export interface ProvActivity extends ProvElement {
  /** xsd:dateTime, with the offset that the source gave. */
  readonly start: string | undefined;
  readonly end: string | undefined;
}

export interface ProvRelation {
  readonly kind: RelationKind;
  /** Its own name, where it has one. */
  readonly id?: QualifiedName;
  /** In the order of {@link RELATIONS}; a text is a time. */
  readonly arguments: readonly (QualifiedName | string | undefined)[];
  readonly attributes: ProvAttributes;
}

/** Descriptions that are told together: a bundle's, or a document's own. */
export interface ProvContents {
  readonly entities: readonly ProvElement[];
  readonly activities: readonly ProvActivity[];
  readonly agents: readonly ProvElement[];
  readonly relations: readonly ProvRelation[];
}

export interface ProvBundle extends ProvContents {
  readonly name: QualifiedName;
}

export interface ProvDocument extends ProvContents {
  /** Namespaces by prefix, without PROV's own; they hold in every bundle. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly bundles: readonly ProvBundle[];
}
