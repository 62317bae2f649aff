/** The forms that lineage is given in, by `?format=` or by Accept. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { ProvDocument } from "@medtrace/shared/model/prov";
import { provJson } from "@medtrace/shared/model/prov-json";
import { jsonLd } from "@medtrace/shared/model/prov-json-ld";
import { provN } from "@medtrace/shared/model/prov-n";
import { provRdf } from "@medtrace/shared/model/prov-rdf";
import { turtle } from "@medtrace/shared/model/prov-turtle";

export const FORMATS = ["json", "prov-json", "prov-n", "turtle", "json-ld"] as const;
export type Format = (typeof FORMATS)[number];
export type ProvFormat = Exclude<Format, "json">;

/** Media types that an Accept header may ask for. */
const MEDIA_TYPES: readonly (readonly [string, Format])[] = [
  ["application/prov+json", "prov-json"],
  ["text/provenance-notation", "prov-n"],
  ["text/turtle", "turtle"],
  ["application/ld+json", "json-ld"],
  ["application/json", "json"],
  ["application/*", "json"],
  ["*/*", "json"],
];

/** Media ranges of one header that are looked at. */
const RANGES_MAX = 20;

/**
 * The first media type of an Accept header (RFC 9110 section 12.5.1) that is given here; weights are not compared.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where none is.
 */
export function acceptedFormat(accept: string | undefined): Format {
  if (accept === undefined) return "json";
  for (const range of accept.split(",").slice(0, RANGES_MAX)) {
    const type = range.split(";")[0]?.trim().toLowerCase();
    const found = MEDIA_TYPES.find(([name]) => name === type);
    if (found !== undefined) return found[1];
  }
  throw new MedtraceError("FORM_UNSUPPORTED", "lineage is not given in any of these media types", {
    at: "Accept",
    hint: `${MEDIA_TYPES.map(([name]) => name).join(", ")}; or ?format=${FORMATS.join("|")}`,
  });
}

/** A document in one of the PROV forms. */
export interface ProvText {
  readonly type: string;
  readonly text: string;
}

/** Writes a document. */
export function provText(format: ProvFormat, document: ProvDocument): ProvText {
  switch (format) {
    case "prov-json":
      return { type: "application/prov+json", text: JSON.stringify(provJson(document)) };
    case "prov-n":
      return { type: "text/provenance-notation; charset=utf-8", text: provN(document) };
    case "turtle":
      return { type: "text/turtle; charset=utf-8", text: turtle(provRdf(document)) };
    case "json-ld":
      return { type: "application/ld+json", text: JSON.stringify(jsonLd(provRdf(document))) };
  }
}
