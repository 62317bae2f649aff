/** JSON-LD (W3C JSON-LD 1.1, Recommendation of 16 July 2020) of a PROV document: its context has prefixes alone. */
import type { RdfGraph, RdfNode, RdfObject } from "./rdf.ts";

type LdValue = string | { readonly [key: string]: LdValue } | readonly LdValue[];

/** The graph as a JSON-LD document; IRIs are written out, so that the context is only for readers' ease. */
export function jsonLd({ namespaces, nodes, graphs }: RdfGraph): { readonly [key: string]: LdValue } {
  const named = graphs.map(({ iri, nodes: own }) => ({ "@id": iri, "@graph": own.map(nodeJson) }));
  return { "@context": Object.fromEntries(namespaces), "@graph": [...nodes.map(nodeJson), ...named] };
}

function nodeJson({ iri, types, properties }: RdfNode): { readonly [key: string]: LdValue } {
  const members = new Map<string, LdValue[]>();
  for (const [predicate, object] of properties) {
    const values = members.get(predicate) ?? [];
    values.push(objectJson(object));
    members.set(predicate, values);
  }
  const id = iri === undefined ? {} : { "@id": iri };
  return { ...id, ...(types.length === 0 ? {} : { "@type": types }), ...Object.fromEntries(members) };
}

function objectJson(object: RdfObject): LdValue {
  if ("iri" in object) return { "@id": object.iri };
  if ("node" in object) return nodeJson(object.node);
  if ("language" in object) return { "@value": object.text, "@language": object.language };
  return object.type === undefined ? { "@value": object.text } : { "@value": object.text, "@type": object.type };
}
