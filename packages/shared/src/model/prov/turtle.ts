/** Turtle and TriG (W3C RDF 1.1, Recommendations of 25 February 2014) of a PROV document. */
import type { RdfGraph, RdfNode, RdfObject } from "./rdf.ts";

/** Local names that need no escape in Turtle; any other IRI is written out. */
const LOCAL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*)$/;

/** The graph as Turtle text. Turtle has no named graphs: bundles stand in {@link trig} alone. */
export function turtle({ namespaces, nodes }: Pick<RdfGraph, "namespaces" | "nodes">): string {
  return `${prefixes(namespaces)}\n${nodes.map(blockWriter(namespaces, "")).join("\n\n")}\n`;
}

/** The graph and its named graphs as TriG text. */
export function trig({ namespaces, nodes, graphs }: RdfGraph): string {
  const named = graphs.map(
    ({ iri, nodes: own }) => `${reference(iri)} {\n${own.map(blockWriter(namespaces, "  ")).join("\n\n")}\n}`,
  );
  return `${[turtle({ namespaces, nodes }), ...named].join("\n")}\n`;
}

function prefixes(namespaces: RdfGraph["namespaces"]): string {
  return [...namespaces].map(([prefix, namespace]) => `@prefix ${prefix}: ${reference(namespace)} .\n`).join("");
}

function blockWriter(namespaces: RdfGraph["namespaces"], indent: string): (node: RdfNode) => string {
  const longestFirst = [...namespaces].sort(([, a], [, b]) => b.length - a.length);
  const name = (iri: string): string => {
    for (const [prefix, namespace] of longestFirst) {
      if (iri.startsWith(namespace) && LOCAL.test(iri.slice(namespace.length))) {
        return `${prefix}:${iri.slice(namespace.length)}`;
      }
    }
    return reference(iri);
  };
  const object = (value: RdfObject, at: string): string => {
    if ("iri" in value) return name(value.iri);
    if ("node" in value) return `[\n${statements(value.node, `${at}  `)}\n${at}]`;
    if ("language" in value) return `${quoted(value.text)}@${value.language}`;
    return value.type === undefined ? quoted(value.text) : `${quoted(value.text)}^^${name(value.type)}`;
  };
  const statements = ({ types, properties }: RdfNode, at: string): string =>
    [
      ...(types.length === 0 ? [] : [`${at}a ${types.map(name).join(", ")}`]),
      ...properties.map(([predicate, value]) => `${at}${name(predicate)} ${object(value, at)}`),
    ].join(" ;\n");
  return (node) => {
    const further = namedWithin(node).map((inner) => blockWriter(namespaces, indent)(inner));
    const own = `${indent}${name(node.iri ?? "")}\n${statements(referring(node), `${indent}  `)} .`;
    return [own, ...further].join("\n\n");
  };
}

/** Qualified forms that have a name of their own stand beside the node, not within it. */
function namedWithin({ properties }: RdfNode): RdfNode[] {
  return properties.flatMap(([, value]) => ("node" in value && value.node.iri !== undefined ? [value.node] : []));
}

function referring(node: RdfNode): RdfNode {
  const properties = node.properties.map(([predicate, value]): RdfNode["properties"][number] => {
    const iri = "node" in value ? value.node.iri : undefined;
    return [predicate, iri === undefined ? value : { iri }];
  });
  return { ...node, properties };
}

/** IRIREF of the grammar: what cannot stand in one is written as UCHAR. */
function reference(iri: string): string {
  return `<${iri.replace(/[\0-\x20<>"{}|^`\\]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`)}>`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" };

function quoted(text: string): string {
  return `"${text.replace(/[\n\r"\\]/g, (sign) => ESCAPES[sign] ?? sign)}"`;
}
