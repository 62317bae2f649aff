/** PROV-N (W3C Recommendation of 30 April 2013). */
import { type ProvAttributes, type ProvDocument, type ProvRelation, type ProvValue, RELATIONS } from "./prov.ts";
import { nameText } from "./prov-names.ts";

/** The document as PROV-N text. */
export function provN(document: ProvDocument): string {
  return [
    "document",
    ...[...document.namespaces].map(([prefix, namespace]) => `  prefix ${prefix} <${namespace}>`),
    "",
    ...document.entities.map(({ name, attributes }) => expression("entity", [nameText(name)], attributes)),
    ...document.activities.map(({ name, attributes, start, end }) =>
      expression("activity", [nameText(name), start ?? "-", end ?? "-"], attributes),
    ),
    ...document.agents.map(({ name, attributes }) => expression("agent", [nameText(name)], attributes)),
    ...document.relations.map(relation),
    "endDocument",
    "",
  ].join("\n");
}

/** Every optional argument is written, as `-` where it is missing: a shorter form is not always in the grammar. */
function relation({ kind, arguments: args, attributes }: ProvRelation): string {
  const texts = RELATIONS[kind].map((_, place) => {
    const argument = args[place];
    if (argument === undefined) return "-";
    return typeof argument === "string" ? argument : nameText(argument);
  });
  return expression(kind, texts, attributes);
}

function expression(kind: string, args: readonly string[], attributes: ProvAttributes): string {
  const pairs = [...attributes].flatMap(([name, values]) => values.map((value) => `${name}=${literal(value)}`));
  const list = pairs.length === 0 ? [] : [`[${pairs.join(", ")}]`];
  return `  ${kind}(${[...args, ...list].join(", ")})`;
}

function literal(value: ProvValue): string {
  if (typeof value === "string") return quoted(value);
  if ("name" in value) return `'${nameText(value.name)}'`;
  return `${quoted(value.text)} %% xsd:${value.type}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" };

/** STRING_LITERAL of the grammar (section 3.7.3): no line end, quote or backslash stands for itself. */
function quoted(text: string): string {
  return `"${text.replace(/[\n\r"\\]/g, (sign) => ESCAPES[sign] ?? sign)}"`;
}
