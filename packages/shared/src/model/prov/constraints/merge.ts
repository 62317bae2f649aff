/** Uniqueness constraints (PROV-CONSTRAINTS section 6.1): what must be one is merged, until nothing changes. */
import type { RelationKind } from "../document.ts";
import type { ActivityFact, Instance, RelationFact } from "./instance.ts";
import { constantOf, resolved, unify } from "./terms.ts";
import type { Report } from "./violations.ts";

/** Relations of which there is one for each pair of these arguments, and the constraint that says so. */
const UNIQUE: Partial<Record<RelationKind, { readonly by: readonly [number, number]; readonly constraint: string }>> = {
  wasGeneratedBy: { by: [0, 1], constraint: "unique-generation" },
  wasInvalidatedBy: { by: [0, 1], constraint: "unique-invalidation" },
  wasStartedBy: { by: [0, 2], constraint: "unique-wasStartedBy" },
  wasEndedBy: { by: [0, 2], constraint: "unique-wasEndedBy" },
};

/** What is written to be understood needs three or four; hostile chains could need one for each statement. */
const ROUNDS_MAX = 100;

/** Merging is done again while it changes something. What is not decided after {@link ROUNDS_MAX} rounds is told of. */
export function mergeAll({ activities, relations }: Instance, report: Report): void {
  let again = true;
  const changed = (): void => {
    again = true;
  };
  const failed = new Set<unknown>();
  const hold = (
    constraint: string,
    subject: unknown,
    fine: boolean,
    ...names: readonly (string | undefined)[]
  ): void => {
    if (fine || failed.has(subject)) return;
    failed.add(subject);
    report(constraint, names);
  };
  for (let round = 0; again && round < ROUNDS_MAX; round++) {
    again = false;
    mergeActivities(activities, relations, changed, hold);
    mergeByKey(relations, changed, hold);
    mergeUnique(relations, changed, hold);
  }
  if (again) report("not-decided", []);
}

type Hold = (constraint: string, subject: unknown, fine: boolean, ...names: readonly (string | undefined)[]) => void;

/** Constraint 22 for activities, and 28 and 29: an activity has one start time and one end time. */
function mergeActivities(
  activities: readonly ActivityFact[],
  relations: readonly RelationFact[],
  changed: () => void,
  hold: Hold,
): void {
  const first = new Map<string, ActivityFact>();
  for (const activity of activities) {
    const known = first.get(activity.id) ?? activity;
    first.set(activity.id, known);
    hold("key-object", activity, unify(known.start, activity.start, changed), activity.id);
    hold("key-object", activity, unify(known.end, activity.end, changed), activity.id);
  }
  for (const relation of relations) {
    const { kind, arguments: args } = relation;
    if (kind !== "wasStartedBy" && kind !== "wasEndedBy") continue;
    const activity = first.get(constantOf(args[0]) ?? "");
    const [time] = args.slice(3);
    if (activity === undefined || time === undefined) continue;
    const [constraint, own] =
      kind === "wasStartedBy"
        ? (["unique-startTime", activity.start] as const)
        : (["unique-endTime", activity.end] as const);
    hold(constraint, relation, unify(own, time, changed), activity.id);
  }
}

/** Constraint 23: statements of one kind and identifier are one statement. */
function mergeByKey(relations: readonly RelationFact[], changed: () => void, hold: Hold): void {
  const first = new Map<string, RelationFact>();
  for (const relation of relations) {
    const id = constantOf(relation.id);
    if (id === undefined) continue;
    const key = `${relation.kind} ${id}`;
    const known = first.get(key) ?? relation;
    first.set(key, known);
    if (known !== relation) hold("key-properties", relation, mergeInto(known, relation, changed), id);
  }
}

/** More terms than an instance has: two places are one number. */
const TERMS_MAX = 2 ** 26;

/** Constraints 24 to 27. */
function mergeUnique(relations: readonly RelationFact[], changed: () => void, hold: Hold): void {
  const first = new Map<RelationKind, Map<number, RelationFact>>();
  for (const relation of relations) {
    const unique = UNIQUE[relation.kind];
    if (unique === undefined) continue;
    const [one, other] = unique.by.map((place) => relation.arguments[place]);
    if (one === undefined || other === undefined) continue;
    const table = first.get(relation.kind) ?? new Map<number, RelationFact>();
    first.set(relation.kind, table);
    const key = resolved(one).place * TERMS_MAX + resolved(other).place;
    const known = table.get(key) ?? relation;
    table.set(key, known);
    if (known === relation) continue;
    hold(unique.constraint, relation, mergeInto(known, relation, changed), constantOf(one), constantOf(other));
  }
}

function mergeInto(known: RelationFact, relation: RelationFact, changed: () => void): boolean {
  const merged = known.arguments.map((term, place) => {
    const other = relation.arguments[place];
    return term === undefined || other === undefined ? term === other : unify(term, other, changed);
  });
  return unify(known.id, relation.id, changed) && merged.every(Boolean);
}
