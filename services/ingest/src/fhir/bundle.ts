/** Bundles of AuditEvents and Provenances (hl7.org/fhir/R4/bundle.html). */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { child, children, type Element, element, invalid, text } from "./element.ts";
import { draftOfResource } from "./resource.ts";

export const ENTRIES_MAX = 10_000;

/** `collection` has no requests, yet is how archives hand over sets of events: its entries are taken one by one. */
const TAKEN: readonly string[] = ["batch", "transaction", "collection"];

export interface BundleDrafts {
  readonly type: string;
  /** In entry order: the draft, or why there is none. */
  readonly entries: readonly (Draft | MedtraceError)[];
}

/**
 * The drafts of a Bundle's entries. References to other entries by fullUrl (`urn:uuid:`) are read as what they stand for.
 *
 * @throws MedtraceError INPUT_INVALID for a Bundle of another type, or over ENTRIES_MAX entries.
 */
export function draftsOfBundle(bundle: Element, context: MappingContext): BundleDrafts {
  const type = text(bundle, "type", "Bundle") ?? "";
  if (!TAKEN.includes(type)) {
    throw invalid("Bundle.type", "is not one that is taken", `send ${TAKEN.join(", ")}`);
  }
  const entries = children(bundle, "entry", "Bundle");
  if (entries.length > ENTRIES_MAX)
    throw invalid("Bundle.entry", `has more than ${ENTRIES_MAX} entries`, "send fewer at once");
  const resolve = resolver(entries);
  return { type, entries: entries.map((entry, i) => draftOfEntry(entry, `Bundle.entry[${i}]`, context, resolve)) };
}

function draftOfEntry(
  entry: Element,
  at: string,
  context: MappingContext,
  resolve: (fullUrl: string) => string | undefined,
): Draft | MedtraceError {
  try {
    const request = child(entry, "request", at);
    const method = request === undefined ? undefined : text(request, "method", `${at}.request`);
    if (method !== undefined && method !== "POST" && method !== "PUT") {
      throw invalid(`${at}.request.method`, "is not one that is taken", "events are created, by POST");
    }
    if (entry["resource"] === undefined) throw invalid(`${at}.resource`, "is required", "send events in entries");
    return draftOfResource(element(entry["resource"], `${at}.resource`), context, resolve);
  } catch (error) {
    if (!(error instanceof MedtraceError)) throw error;
    return new MedtraceError(error.code, error.message, {
      at: placeInBundle(at, error.at),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** The FHIRPath from the Bundle on, of a place in an entry or in its resource. */
function placeInBundle(entry: string, at = entry): string {
  if (at.startsWith(entry)) return at;
  const path = at.split(".");
  return [`${entry}.resource`, ...(/^[A-Z]/.test(at) ? path.slice(1) : path)].join(".");
}

/** What a fullUrl stands for: the relative reference of the entry's resource where it has an id. */
function resolver(entries: readonly Element[]): (fullUrl: string) => string | undefined {
  const known = new Map<string, string>();
  for (const entry of entries) {
    const { fullUrl, resource } = entry as { fullUrl?: unknown; resource?: { resourceType?: unknown; id?: unknown } };
    if (typeof fullUrl !== "string" || !fullUrl.startsWith("urn:")) continue;
    if (typeof resource?.resourceType === "string" && typeof resource.id === "string") {
      known.set(fullUrl, `${resource.resourceType}/${resource.id}`);
    }
  }
  return (fullUrl) => known.get(fullUrl);
}
