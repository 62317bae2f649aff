/** PROV-JSON (W3C Member Submission of 24 April 2013). */
import { type ProvAttributes, type ProvDocument, type ProvValue, RELATIONS } from "./prov.ts";
import { nameText } from "./prov-names.ts";

type JsonValue = string | { readonly $: string; readonly type: string };
type Member = Readonly<Record<string, JsonValue | readonly JsonValue[]>>;

/** By the kind of element or relation, then by identifier; relations have blank identifiers. */
export type ProvJson = Readonly<Record<string, Readonly<Record<string, string | Member>>>>;

/** The document as a PROV-JSON object. */
export function provJson(document: ProvDocument): ProvJson {
  const groups: Record<string, Record<string, string | Member>> = {
    prefix: Object.fromEntries(document.namespaces),
  };
  const put = (group: string, id: string, member: Member): void => {
    groups[group] ??= {};
    groups[group][id] = member;
  };
  for (const { name, attributes } of document.entities) put("entity", nameText(name), members(attributes));
  for (const { name, attributes, start, end } of document.activities) {
    const times = { ...given("prov:startTime", start), ...given("prov:endTime", end) };
    put("activity", nameText(name), { ...times, ...members(attributes) });
  }
  for (const { name, attributes } of document.agents) put("agent", nameText(name), members(attributes));
  document.relations.forEach(({ kind, arguments: args, attributes }, i) => {
    const formal = RELATIONS[kind].flatMap((name, place) => {
      const argument = args[place];
      if (argument === undefined) return [];
      return [[`prov:${name}`, typeof argument === "string" ? argument : nameText(argument)] as const];
    });
    put(kind, `_:r${i + 1}`, { ...Object.fromEntries(formal), ...members(attributes) });
  });
  return groups;
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
  return { $: value.text, type: `xsd:${value.type}` };
}
