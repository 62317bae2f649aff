/** PROV-JSON (W3C Member Submission of 24 April 2013): reading what other platforms wrote. */
import {
  BARE_RELATIONS,
  type ProvActivity,
  type ProvBundle,
  type ProvContents,
  type ProvDocument,
  type ProvElement,
  type ProvRelation,
  type ProvValue,
  RELATIONS,
  REQUIRED_ARGUMENTS,
  type RelationKind,
} from "./document.ts";
import { NameReader, Namespaces, objectOf, refusal } from "./json-names.ts";
import { nameText, type QualifiedName } from "./names.ts";

export const PROV_JSON_LIMITS = {
  /** Elements and relations of one document, its bundles' too. */
  statementsMax: 100_000,
  bundlesMax: 1_000,
  /** Attributes and values of one statement. */
  valuesMax: 10_000,
} as const;

/** xsd:dateTime with the day checked, in the years that RFC 3339 has; the offset may be missing. */
const DATE_TIME = /^\d{4}-(\d\d)-(\d\d)T(\d\d):[0-5]\d:[0-5]\d(\.\d{1,18})?(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)?$/;

/**
 * The document that a PROV-JSON value holds. Prefixes may be declared by bundles for themselves; in the document each means
 * one namespace. Blank identifiers of relations are left out, as they name nothing.
 *
 * @param json the value, parsed with bounded nesting.
 * @param limits a caller's own, where they are lower.
 * @throws MedtraceError INPUT_INVALID at the place of what is not PROV-JSON; INPUT_UNSUPPORTED for what PROV-DM itself has
 * not (mentions, qualified alternates); INPUT_TOO_LARGE over {@link PROV_JSON_LIMITS}. A place is the kind and the
 * position within it, as `used[3]`: nothing of the input is repeated.
 */
export function readProvJson(json: unknown, limits: { readonly statementsMax?: number } = {}): ProvDocument {
  const { prefix, bundle, ...groups } = objectOf(json, "$");
  const namespaces = new Namespaces();
  const names = NameReader.of(namespaces).within(prefix, "prefix");
  const count = counter(limits.statementsMax ?? PROV_JSON_LIMITS.statementsMax);
  const own = readContents(groups, { names, count, at: "" });
  const bundles = Object.entries(objectOf(bundle ?? {}, "bundle"));
  if (bundles.length > PROV_JSON_LIMITS.bundlesMax) {
    throw refusal(
      "bundle",
      `more than ${PROV_JSON_LIMITS.bundlesMax} bundles`,
      "send fewer at once",
      "INPUT_TOO_LARGE",
    );
  }
  const read = bundles.map(([id, value], i): ProvBundle => {
    const at = `bundle[${i}]`;
    const { prefix: inner, ...contents } = objectOf(value, at);
    const within = names.within(inner, `${at}.prefix`);
    return { name: within.name(id, at), ...readContents(contents, { names: within, count, at: `${at}.` }) };
  });
  return { namespaces: namespaces.all, ...own, bundles: read };
}

interface Reading {
  readonly names: NameReader;
  readonly count: (at: string) => void;
  readonly at: string;
}

function counter(max: number): (at: string) => void {
  let counted = 0;
  return (at) => {
    counted += 1;
    if (counted > max) throw refusal(at, `more than ${max} statements`, "send fewer at once", "INPUT_TOO_LARGE");
  };
}

function readContents(groups: Readonly<Record<string, unknown>>, reading: Reading): ProvContents {
  const entities: ProvElement[] = [];
  const activities: ProvActivity[] = [];
  const agents: ProvElement[] = [];
  const relations: ProvRelation[] = [];
  for (const [kind, group] of Object.entries(groups)) {
    for (const { id, members, at } of statementsOf(group, kind, reading)) {
      if (kind === "entity") entities.push(readElement(id, members, at, reading.names));
      else if (kind === "agent") agents.push(readElement(id, members, at, reading.names));
      else if (kind === "activity") activities.push(readActivity(id, members, at, reading.names));
      else relations.push(...readRelation(kind as RelationKind, id, members, at, reading.names));
    }
  }
  return { entities, activities, agents, relations };
}

interface Statement {
  readonly id: string;
  readonly members: Readonly<Record<string, unknown>>;
  readonly at: string;
}

const ELEMENTS: ReadonlySet<string> = new Set(["entity", "activity", "agent"]);

/** Each statement of a kind; several of one identifier stand in a list. */
function* statementsOf(group: unknown, kind: string, { count, at }: Reading): Generator<Statement> {
  if (!ELEMENTS.has(kind) && !Object.hasOwn(RELATIONS, kind)) {
    throw refusal(`${at}*`, "a member is no kind of statement that is taken", "see docs/prov.md", "INPUT_UNSUPPORTED");
  }
  for (const [i, [id, given]] of Object.entries(objectOf(group, `${at}${kind}`)).entries()) {
    for (const one of Array.isArray(given) ? given : [given]) {
      const where = `${at}${kind}[${i}]`;
      count(where);
      yield { id, members: objectOf(one, where), at: where };
    }
  }
}

function readElement(id: string, members: Statement["members"], at: string, names: NameReader): ProvElement {
  return { name: names.name(id, at), attributes: readAttributes(members, at, names) };
}

function readActivity(id: string, members: Statement["members"], at: string, names: NameReader): ProvActivity {
  const { "prov:startTime": start, "prov:endTime": end, ...more } = members;
  return {
    name: names.name(id, at),
    attributes: readAttributes(more, at, names),
    start: start === undefined ? undefined : readTime(start, `${at}.prov:startTime`),
    end: end === undefined ? undefined : readTime(end, `${at}.prov:endTime`),
  };
}

/** A relation; a membership of several entities is as many relations. */
function readRelation(
  kind: RelationKind,
  id: string,
  members: Statement["members"],
  at: string,
  names: NameReader,
): ProvRelation[] {
  const formal: readonly string[] = RELATIONS[kind];
  const keys = new Set(formal.map((name) => `prov:${name}`));
  const attributes = readAttributes(
    Object.fromEntries(Object.entries(members).filter(([key]) => !keys.has(key))),
    at,
    names,
  );
  const own = id.startsWith("_:") ? undefined : names.name(id, at);
  if (BARE_RELATIONS.has(kind) && (own !== undefined || attributes.size > 0)) {
    throw refusal(at, "this relation has neither a name nor attributes", "leave them out", "INPUT_UNSUPPORTED");
  }
  const last = members[`prov:${formal.at(-1)}`];
  const several = kind === "hadMember" && Array.isArray(last) ? last : [last];
  return several.map((one) => ({
    kind,
    arguments: formal.map((name, place) => {
      const given = place === formal.length - 1 ? one : members[`prov:${name}`];
      return readArgument(given, name, place < REQUIRED_ARGUMENTS[kind], `${at}.prov:${name}`, names);
    }),
    attributes,
    ...(own === undefined ? {} : { id: own }),
  }));
}

function readArgument(
  given: unknown,
  name: string,
  required: boolean,
  at: string,
  names: NameReader,
): QualifiedName | string | undefined {
  if (given === undefined) {
    if (required) throw refusal(at, "is required", "name what the relation is about");
    return undefined;
  }
  if (name === "time") return readTime(given, at);
  if (typeof given === "string") return names.name(given, at);
  const value = names.value(given, at);
  if (typeof value === "object" && "name" in value) return value.name;
  throw refusal(at, "this is no name", "prefix:local");
}

function readAttributes(
  members: Readonly<Record<string, unknown>>,
  at: string,
  names: NameReader,
): Map<string, readonly ProvValue[]> {
  const attributes = new Map<string, readonly ProvValue[]>();
  let counted = 0;
  for (const [i, [key, given]] of Object.entries(members).entries()) {
    const where = `${at}.*[${i}]`;
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    counted += Math.max(1, list.length);
    if (counted > PROV_JSON_LIMITS.valuesMax) {
      throw refusal(where, `more than ${PROV_JSON_LIMITS.valuesMax} values`, "send fewer at once", "INPUT_TOO_LARGE");
    }
    const values = list.map((one) => names.value(one, where));
    const name = nameText(names.name(key, where));
    if (values.length > 0) attributes.set(name, [...(attributes.get(name) ?? []), ...values]);
  }
  return attributes;
}

function readTime(given: unknown, at: string): string {
  const text = typeof given === "object" && given !== null ? objectOf(given, at)["$"] : given;
  const [, month, day, hour] = (typeof text === "string" ? DATE_TIME.exec(text) : null) ?? [];
  const date = typeof text === "string" ? text.slice(0, 10) : "";
  const exists = month !== undefined && day !== undefined && new Date(`${date}T00:00:00Z`).getTime() >= -8.64e15;
  if (!exists || Number(hour) > 23 || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) {
    throw refusal(at, "this is no time", "xsd:dateTime, as 2026-03-02T08:00:00+01:00");
  }
  return text as string;
}
