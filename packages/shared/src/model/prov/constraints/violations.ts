/** What a check found, in the names of PROV-CONSTRAINTS. */

export interface ProvViolation {
  /** The constraint's name in the Recommendation, such as `entity-activity-disjoint`; or `clock-order`, `not-decided`. */
  readonly constraint: string;
  /** In words. */
  readonly detail: string;
  /** IRIs of what is concerned. */
  readonly names: readonly string[];
  /** The bundle that it is in; absent in the document's own descriptions. */
  readonly bundle?: string;
}

/** Takes what was found; names that are `undefined` are what the document does not name. */
export type Report = (constraint: string, names: readonly (string | undefined)[], detail?: string) => void;

/** What each constraint demands, in a reader's words. */
export const DEMANDS: Readonly<Record<string, string>> = {
  "key-object": "one activity has one start time and one end time",
  "key-properties": "statements of one identifier are one statement",
  "unique-generation": "an activity generates an entity once",
  "unique-invalidation": "an activity invalidates an entity once",
  "unique-wasStartedBy": "an activity is started by another once",
  "unique-wasEndedBy": "an activity is ended by another once",
  "unique-startTime": "an activity has one start time",
  "unique-endTime": "an activity has one end time",
  "strict-order-cycle": "nothing comes before itself",
  "impossible-unspecified-derivation-generation-use":
    "a derivation that names a generation or usage names its activity",
  "impossible-specialization-reflexive": "nothing is a specialization of itself",
  "impossible-property-overlap": "an identifier is of one kind of relation",
  "impossible-object-property-overlap": "an identifier is a thing or a relation, not both",
  "entity-activity-disjoint": "nothing is an entity and an activity",
  "membership-empty-collection": "an empty collection has no member",
  "not-decided": "statements can be merged within a hundred rounds",
  "clock-order": "what comes first has the earlier time",
};
