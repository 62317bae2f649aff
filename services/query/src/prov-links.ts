/** Where provenance is found from an answer about a record (W3C PROV-AQ, Working Group Note of 30 April 2013). */
import { idOfIri, iriOf, PROV_NAMESPACES } from "@medtrace/shared/model/prov/names";

import { namesPatient } from "./names.ts";

/** Ids longer than this get no links: clients take headers of some 16 KiB. */
const IRI_CHARACTERS_MAX = 1_024;
/** Where {@link serviceDescription} is served. */
export const SERVICE_PATH = "/v1/prov";

const { prov } = PROV_NAMESPACES;

/**
 * The Link header (RFC 8288) of an answer about a record: where its provenance is, and by which service more is asked
 * (PROV-AQ sections 3.1 and 3.2). Undefined where its id is too long, or names a patient, whom links do not repeat.
 *
 * @param asked the record, by an id or IRI.
 * @param known the id that it has in events, where that was looked up: the link then tells its IRI in provenance.
 */
export function provLinks(asked: string, known?: string): string | undefined {
  const record = known ?? idOfIri(asked);
  const iri = ascii(iriOf(record));
  if (iri.length > IRI_CHARACTERS_MAX || namesPatient(record)) return undefined;
  const provenance = `/v1/records/${encodeURIComponent(iri)}/lineage`;
  return [
    `<${provenance}>; rel="${prov}has_provenance"; anchor="${iri}"`,
    `<${SERVICE_PATH}>; rel="${prov}has_query_service"; anchor="${iri}"`,
    ...(known === undefined ? [] : [`<${iri}>; rel="${prov}has_anchor"`]),
  ].join(", ");
}

/** An IRI as a URI (RFC 3987 section 3.1): headers hold no other letters. */
function ascii(iri: string): string {
  return iri.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}

/** The service's description in Turtle (PROV-AQ section 4.1): provenance of an IRI by a direct query. */
export function serviceDescription(): string {
  return [
    `@prefix prov: <${prov}> .`,
    "",
    "<#service>",
    "  a prov:ServiceDescription ;",
    "  prov:describesService <#lineage> .",
    "",
    "<#lineage>",
    "  a prov:DirectQueryService ;",
    '  prov:provenanceUriTemplate "/v1/records/{uri}/lineage{?direction,depth,format,bundles,asOf}" .',
    "",
  ].join("\n");
}
