/** PROV-XML (W3C Working Group Note of 30 April 2013). */
import { MedtraceError } from "../../errors.ts";
import {
  type ProvAttributes,
  type ProvContents,
  type ProvDocument,
  type ProvRelation,
  type ProvValue,
  RELATIONS,
} from "./document.ts";
import { nameText, PROV_NAMESPACES } from "./names.ts";

const XSI = "http://www.w3.org/2001/XMLSchema-instance";

/**
 * The document as PROV-XML text. The note's schema wants identifiers to be xs:QName, whose local part holds no slash and
 * starts with no digit: those that do are written as `prefix:local` all the same, which is what readers resolve.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where a text holds a sign that XML 1.0 has no way to write, or an attribute's
 * name can not be that of an element.
 */
export function provXml(document: ProvDocument): string {
  const namespaces = [...Object.entries(PROV_NAMESPACES), ["xsi", XSI] as const, ...document.namespaces];
  const declarations = namespaces.map(([prefix, namespace]) => `\n    xmlns:${prefix}="${escaped(namespace)}"`);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<prov:document${declarations.join("")}>`,
    ...contentsXml(document, "  "),
    ...document.bundles.flatMap((bundle) => [
      `  <prov:bundleContent prov:id="${escaped(nameText(bundle.name))}">`,
      ...contentsXml(bundle, "    "),
      "  </prov:bundleContent>",
    ]),
    "</prov:document>",
    "",
  ].join("\n");
}

function contentsXml(contents: ProvContents, indent: string): string[] {
  const write = (kind: string, id: string | undefined, inner: readonly string[]): string => {
    const open = `prov:${kind}${id === undefined ? "" : ` prov:id="${escaped(id)}"`}`;
    if (inner.length === 0) return `${indent}<${open}/>`;
    return [`${indent}<${open}>`, ...inner.map((line) => `${indent}  ${line}`), `${indent}</prov:${kind}>`].join("\n");
  };
  const timed = (tag: string, time: string | undefined): string[] =>
    time === undefined ? [] : [`<prov:${tag}>${time}</prov:${tag}>`];
  return [
    ...contents.entities.map(({ name, attributes }) => write("entity", nameText(name), attributesXml(attributes))),
    ...contents.activities.map(({ name, attributes, start, end }) =>
      write("activity", nameText(name), [
        ...timed("startTime", start),
        ...timed("endTime", end),
        ...attributesXml(attributes),
      ]),
    ),
    ...contents.agents.map(({ name, attributes }) => write("agent", nameText(name), attributesXml(attributes))),
    ...contents.relations.map((relation) =>
      write(relation.kind, relation.id === undefined ? undefined : nameText(relation.id), [
        ...argumentsXml(relation),
        ...attributesXml(relation.attributes),
      ]),
    ),
  ];
}

function argumentsXml({ kind, arguments: args }: ProvRelation): string[] {
  return RELATIONS[kind].flatMap((name, place) => {
    const argument = args[place];
    if (argument === undefined) return [];
    if (typeof argument === "string") return [`<prov:${name}>${argument}</prov:${name}>`];
    return [`<prov:${name} prov:ref="${escaped(nameText(argument))}"/>`];
  });
}

/** The schema's own order of PROV's attributes; all others come after them. */
const ORDER = ["prov:label", "prov:location", "prov:role", "prov:type", "prov:value"];

function attributesXml(attributes: ProvAttributes): string[] {
  const rank = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const sorted = [...attributes].sort(([a], [b]) => rank(a) - rank(b));
  return sorted.flatMap(([name, values]) => values.map((value) => valueXml(elementName(name), value)));
}

function valueXml(tag: string, value: ProvValue): string {
  if (typeof value === "string") return `<${tag}>${escaped(value)}</${tag}>`;
  if ("name" in value) return `<${tag} xsi:type="xsd:QName">${escaped(nameText(value.name))}</${tag}>`;
  if ("language" in value) return `<${tag} xml:lang="${value.language}">${escaped(value.text)}</${tag}>`;
  return `<${tag} xsi:type="${escaped(nameText(value.type))}">${escaped(value.text)}</${tag}>`;
}

/** NCName (Namespaces in XML 1.0), of the letters that attributes are named by. */
const ELEMENT = /^[\p{L}_][\p{L}\p{N}._-]*:[\p{L}_][\p{L}\p{N}._-]*$/u;

function elementName(name: string): string {
  if (ELEMENT.test(name)) return name;
  throw new MedtraceError("FORM_UNSUPPORTED", "an attribute has a name that no XML element can have", {
    hint: "ask for another PROV form",
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
  "\n": "&#10;",
  "\t": "&#9;",
};

/** Char of XML 1.0 (section 2.2). */
const NO_CHAR = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

function escaped(text: string): string {
  if (NO_CHAR.test(text)) {
    throw new MedtraceError("FORM_UNSUPPORTED", "a text holds a sign that XML has no way to write", {
      hint: "ask for another PROV form",
    });
  }
  return text.replace(/[&<>"\r\n\t]/g, (sign) => ENTITIES[sign] ?? sign);
}
