/** The forms that lineage is given in, by `?format=` or by Accept. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { ProvDocument } from "@medtrace/shared/model/prov/document";
import { provJson } from "@medtrace/shared/model/prov/json";
import { jsonLd } from "@medtrace/shared/model/prov/json-ld";
import { provN } from "@medtrace/shared/model/prov/prov-n";
import { provRdf } from "@medtrace/shared/model/prov/rdf";
import { trig, turtle } from "@medtrace/shared/model/prov/turtle";
import { provXml } from "@medtrace/shared/model/prov/xml";

/** Media type of each form; the first is given where the caller has no preference. */
const MEDIA_TYPES = {
  json: "application/json",
  "prov-json": "application/prov+json",
  "prov-n": "text/provenance-notation",
  turtle: "text/turtle",
  trig: "application/trig",
  "json-ld": "application/ld+json",
  "prov-xml": "application/provenance+xml",
} as const;

export type Format = keyof typeof MEDIA_TYPES;
export type ProvFormat = Exclude<Format, "json">;
export const FORMATS = Object.keys(MEDIA_TYPES) as readonly Format[];

/** Media ranges of one header that are looked at. */
const RANGES_MAX = 20;

interface Range {
  readonly type: string;
  /** 0 to 1. */
  readonly weight: number;
}

/**
 * The form that an Accept header prefers (RFC 9110 section 12.5.1): each form has the weight of the most specific range
 * that covers it, the highest wins, and of equals the one that the header names first, then the first of
 * {@link FORMATS}.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where none is taken.
 */
export function acceptedFormat(accept: string | undefined): Format {
  if (accept === undefined || accept.trim() === "") return "json";
  const ranges = accept.split(",").slice(0, RANGES_MAX).map(rangeOf);
  let best: { readonly format: Format; readonly weight: number; readonly place: number } | undefined;
  for (const format of FORMATS) {
    const place = coveringRange(ranges, MEDIA_TYPES[format]);
    const weight = ranges[place]?.weight ?? 0;
    if (weight === 0) continue;
    if (best === undefined || weight > best.weight || (weight === best.weight && place < best.place)) {
      best = { format, weight, place };
    }
  }
  if (best !== undefined) return best.format;
  throw new MedtraceError("FORM_UNSUPPORTED", "lineage is not given in any of these media types", {
    at: "Accept",
    hint: `${Object.values(MEDIA_TYPES).join(", ")}; or ?format=${FORMATS.join("|")}`,
  });
}

/** A weight that is none (`q=x`) counts as 1, as if it were not there. */
function rangeOf(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.map((one) => /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(one)?.[1]);
  return { type, weight: Number(weight.find((one) => one !== undefined) ?? 1) };
}

/** Place of the most specific range that covers a media type; -1 where none does. */
function coveringRange(ranges: readonly Range[], mediaType: string): number {
  const [main] = mediaType.split("/");
  for (const covering of [mediaType, `${main}/*`, "*/*"]) {
    const place = ranges.findIndex(({ type }) => type === covering);
    if (place >= 0) return place;
  }
  return -1;
}

/** A document in one of the PROV forms. */
export interface ProvText {
  readonly type: string;
  readonly text: string;
}

/**
 * Writes a document.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where this form can not hold it: Turtle has no bundles, and XML not every sign.
 */
export function provText(format: ProvFormat, document: ProvDocument): ProvText {
  const type = `${MEDIA_TYPES[format]}${format.endsWith("json") || format === "json-ld" ? "" : "; charset=utf-8"}`;
  return { type, text: WRITERS[format](document) };
}

const WRITERS: Readonly<Record<ProvFormat, (document: ProvDocument) => string>> = {
  "prov-json": (document) => JSON.stringify(provJson(document)),
  "prov-n": provN,
  turtle: (document) => {
    if (document.bundles.length === 0) return turtle(provRdf(document));
    throw new MedtraceError("FORM_UNSUPPORTED", "Turtle has no place for bundles", {
      at: "format",
      hint: "ask for trig, or for bundles=none",
    });
  },
  trig: (document) => trig(provRdf(document)),
  "json-ld": (document) => JSON.stringify(jsonLd(provRdf(document))),
  "prov-xml": provXml,
};
