/** PROV-JSON (W3C Member Submission of 24 April 2013): writing. */
import { type ProvAttributes, type ProvContents, type ProvDocument, type ProvValue, RELATIONS } from "./document.ts";
import { nameText } from "./names.ts";

type JsonValue = string | { readonly $: string; readonly type: string } | { readonly $: string; readonly lang: string };
type Member = Readonly<Record<string, JsonValue | readonly JsonValue[]>>;
type Group = Readonly<Record<string, Member | readonly Member[]>>;

/** By the kind of element or relation, then by identifier; several descriptions of one identifier are a list. */
export interface ProvJson {
  readonly prefix: Readonly<Record<string, string>>;
  readonly bundle?: Readonly<Record<string, Readonly<Record<string, Group>>>>;
  readonly [kind: string]: unknown;
}

/** The document as a PROV-JSON object. */
export function provJson(document: ProvDocument): ProvJson {
  const bundles = document.bundles.map((bundle) => [nameText(bundle.name), groupsOf(bundle)] as const);
  return {
    prefix: Object.fromEntries(document.namespaces),
    ...groupsOf(document),
    ...(bundles.length === 0 ? {} : { bundle: Object.fromEntries(bundles) }),
  };
}

function groupsOf(contents: ProvContents): Record<string, Group> {
  const groups = new Map<string, Map<string, Member[]>>();
  const put = (kind: string, id: string, member: Member): void => {
    const group = groups.get(kind) ?? new Map<string, Member[]>();
    groups.set(kind, group);
    group.set(id, [...(group.get(id) ?? []), member]);
  };
  for (const { name, attributes } of contents.entities) put("entity", nameText(name), members(attributes));
  for (const { name, attributes, start, end } of contents.activities) {
    const times = { ...given("prov:startTime", start), ...given("prov:endTime", end) };
    put("activity", nameText(name), { ...times, ...members(attributes) });
  }
  for (const { name, attributes } of contents.agents) put("agent", nameText(name), members(attributes));
  contents.relations.forEach(({ kind, id, arguments: args, attributes }, i) => {
    const formal = RELATIONS[kind].flatMap((name, place) => {
      const argument = args[place];
      if (argument === undefined) return [];
      return [[`prov:${name}`, typeof argument === "string" ? argument : nameText(argument)] as const];
    });
    const key = id === undefined ? `_:r${i + 1}` : nameText(id);
    put(kind, key, { ...Object.fromEntries(formal), ...members(attributes) });
  });
  return Object.fromEntries([...groups].map(([kind, group]) => [kind, groupJson(group)]));
}

function groupJson(group: ReadonlyMap<string, readonly Member[]>): Group {
  return Object.fromEntries([...group].map(([id, all]) => [id, all.length === 1 ? (all[0] as Member) : all]));
}

function given(name: string, value: string | undefined): Member {
  return value === undefined ? {} : { [name]: value };
}

function members(attributes: ProvAttributes): Member {
  return Object.fromEntries(
    [...attributes].map(([name, values]) => {
      const all = values.map(valueJson);
      return [name, all.length === 1 ? (all[0] as JsonValue) : all];
    }),
  );
}

/** `$` is a text whatever the type (section 2.3 of the submission). */
function valueJson(value: ProvValue): JsonValue {
  if (typeof value === "string") return value;
  if ("name" in value) return { $: nameText(value.name), type: "prov:QUALIFIED_NAME" };
  if ("language" in value) return { $: value.text, lang: value.language };
  return { $: value.text, type: nameText(value.type) };
}
