/** Turtle (W3C RDF 1.1 Turtle, Recommendation of 25 February 2014) of a PROV document. */
import type { RdfGraph, RdfNode, RdfObject } from "./prov-rdf.ts";

/** Local names that need no escape in Turtle; any other IRI is written out. */
const LOCAL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*)$/;

/** The graph as Turtle text. */
export function turtle({ namespaces, nodes }: RdfGraph): string {
  const prefixes = [...namespaces].sort(([, a], [, b]) => b.length - a.length);
  const name = (iri: string): string => {
    for (const [prefix, namespace] of prefixes) {
      if (iri.startsWith(namespace) && LOCAL.test(iri.slice(namespace.length))) {
        return `${prefix}:${iri.slice(namespace.length)}`;
      }
    }
    return `<${iri}>`;
  };
  const object = (value: RdfObject, indent: string): string => {
    if ("iri" in value) return name(value.iri);
    if ("node" in value) return `[\n${statements(value.node, `${indent}  `)}\n${indent}]`;
    return value.type === undefined ? quoted(value.text) : `${quoted(value.text)}^^${name(value.type)}`;
  };
  const statements = ({ types, properties }: RdfNode, indent: string): string =>
    [
      `${indent}a ${types.map(name).join(", ")}`,
      ...properties.map(([predicate, value]) => `${indent}${name(predicate)} ${object(value, indent)}`),
    ].join(" ;\n");
  const head = [...namespaces].map(([prefix, namespace]) => `@prefix ${prefix}: <${namespace}> .`);
  const body = nodes.map((node) => `${name(node.iri ?? "")}\n${statements(node, "  ")} .`);
  return `${head.join("\n")}\n\n${body.join("\n\n")}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" };

function quoted(text: string): string {
  return `"${text.replace(/[\n\r"\\]/g, (sign) => ESCAPES[sign] ?? sign)}"`;
}
