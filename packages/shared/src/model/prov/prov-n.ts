/** PROV-N (W3C Recommendation of 30 April 2013). */
import {
  BARE_RELATIONS,
  type ProvAttributes,
  type ProvContents,
  type ProvDocument,
  type ProvRelation,
  type ProvValue,
  RELATIONS,
} from "./document.ts";
import type { QualifiedName } from "./names.ts";

/** The document as PROV-N text. */
export function provN(document: ProvDocument): string {
  return [
    "document",
    ...[...document.namespaces].map(([prefix, namespace]) => `  prefix ${prefix} <${namespace}>`),
    "",
    ...expressions(document, "  "),
    ...document.bundles.flatMap((bundle) => [
      `  bundle ${nameN(bundle.name)}`,
      ...expressions(bundle, "    "),
      "  endBundle",
    ]),
    "endDocument",
    "",
  ].join("\n");
}

function expressions(contents: ProvContents, indent: string): string[] {
  return [
    ...contents.entities.map(({ name, attributes }) => expression("entity", [nameN(name)], attributes)),
    ...contents.activities.map(({ name, attributes, start, end }) =>
      expression("activity", [nameN(name), start ?? "-", end ?? "-"], attributes),
    ),
    ...contents.agents.map(({ name, attributes }) => expression("agent", [nameN(name)], attributes)),
    ...contents.relations.map(relation),
  ].map((line) => `${indent}${line}`);
}

/** Every optional argument is written, as `-` where it is missing: a shorter form is not always in the grammar. */
function relation({ kind, id, arguments: args, attributes }: ProvRelation): string {
  const texts = RELATIONS[kind].map((_, place) => {
    const argument = args[place];
    if (argument === undefined) return "-";
    return typeof argument === "string" ? argument : nameN(argument);
  });
  if (BARE_RELATIONS.has(kind)) return expression(kind, texts, new Map());
  const [first = "-", ...rest] = texts;
  return expression(kind, [id === undefined ? first : `${nameN(id)}; ${first}`, ...rest], attributes);
}

function expression(kind: string, args: readonly string[], attributes: ProvAttributes): string {
  const pairs = [...attributes].flatMap(([name, values]) =>
    values.map((value) => `${attributeN(name)}=${literal(value)}`),
  );
  const list = pairs.length === 0 ? [] : [`[${pairs.join(", ")}]`];
  return `${kind}(${[...args, ...list].join(", ")})`;
}

function literal(value: ProvValue): string {
  if (typeof value === "string") return quoted(value);
  if ("name" in value) return `'${nameN(value.name)}'`;
  if ("language" in value) return `${quoted(value.text)}@${value.language}`;
  return `${quoted(value.text)} %% ${nameN(value.type)}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" };

/** STRING_LITERAL of the grammar (section 3.7.3): no line end, quote or backslash stands for itself. */
function quoted(text: string): string {
  return `"${text.replace(/[\n\r"\\]/g, (sign) => ESCAPES[sign] ?? sign)}"`;
}

/** PN_CHARS_ESC of the grammar (section 3.7.1); a hyphen stands for itself, except at the start, and so does an inner dot. */
function nameN({ prefix, local }: QualifiedName): string {
  return `${prefix}:${local.replace(/[='(),:;[\]]|^[-.]|\.$/g, (sign) => `\\${sign}`)}`;
}

function attributeN(name: string): string {
  const colon = name.indexOf(":");
  return nameN({ prefix: name.slice(0, colon), local: name.slice(colon + 1) });
}
