/** How PROV-O writes each relation (PROV-O section 3.3, tables 2 and 3). */
import type { RelationKind } from "./document.ts";

export interface Shape {
  /** Property from the first argument to the second. */
  readonly plain: string;
  /** Property to the qualified form; undefined where there is none. */
  readonly qualified?: string;
  /** Class of the qualified form. */
  readonly type: string;
  /** Property from the qualified form to the second argument. */
  readonly influencer: string;
}

export const SHAPES: Readonly<Record<RelationKind, Shape>> = {
  used: shape("used", "Usage", "entity"),
  wasGeneratedBy: shape("wasGeneratedBy", "Generation", "activity"),
  wasInvalidatedBy: shape("wasInvalidatedBy", "Invalidation", "activity"),
  wasStartedBy: shape("wasStartedBy", "Start", "entity"),
  wasEndedBy: shape("wasEndedBy", "End", "entity"),
  wasInformedBy: shape("wasInformedBy", "Communication", "activity"),
  wasDerivedFrom: shape("wasDerivedFrom", "Derivation", "entity"),
  wasAttributedTo: shape("wasAttributedTo", "Attribution", "agent"),
  wasAssociatedWith: shape("wasAssociatedWith", "Association", "agent"),
  actedOnBehalfOf: shape("actedOnBehalfOf", "Delegation", "agent"),
  wasInfluencedBy: shape("wasInfluencedBy", "Influence", "influencer"),
  alternateOf: { plain: "alternateOf", type: "", influencer: "" },
  specializationOf: { plain: "specializationOf", type: "", influencer: "" },
  hadMember: { plain: "hadMember", type: "", influencer: "" },
};

/** Derivations that have a property of their own, by their prov:type. */
export const SPECIAL_DERIVATIONS: ReadonlyMap<string, Shape> = new Map([
  ["Revision", shape("wasRevisionOf", "Revision", "entity")],
  ["Quotation", shape("wasQuotedFrom", "Quotation", "entity")],
  ["PrimarySource", shape("hadPrimarySource", "PrimarySource", "entity")],
]);

function shape(plain: string, type: string, influencer: string): Shape {
  return { plain, qualified: `qualified${type}`, type, influencer };
}
