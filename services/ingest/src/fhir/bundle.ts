/** Bundles of AuditEvents and Provenances (hl7.org/fhir/R4/bundle.html). */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { mapInTurns } from "../turns.ts";
import type { Carried } from "./consents.ts";
import { child, children, type Element, element, invalid, text } from "./element.ts";
import { draftOfResource } from "./resource.ts";

/** `collection` has no requests, yet is how archives hand over sets of events: its entries are taken one by one. */
const TAKEN: readonly string[] = ["batch", "transaction", "collection"];

export interface BundleDrafts {
  readonly type: string;
  /** In entry order: the draft, or why there is none. */
  readonly entries: readonly (Draft | MedtraceError)[];
  /** In entry order: the resource, as it was sent. */
  readonly resources: readonly unknown[];
  /** Places of entries that are to be created only where there is none (`request.ifNoneExist`). */
  readonly conditional: readonly number[];
}

/** How the events of a Bundle are named. */
export interface BundleNaming {
  /** The id that the event of a draft will have. */
  idOf(draft: Draft): string;
  /** The draft of a conditional create. @throws MedtraceError INPUT_INVALID at `at` */
  named(draft: Draft, criteria: string, at: string): Draft;
}

/** Events that name one another in a very long row, or in a circle, stay under the names that they have. */
const REFERENCES_DEPTH_MAX = 20;

/**
 * The drafts of a Bundle's entries. References to other entries by fullUrl (`urn:uuid:`) are read as what they stand for:
 * for an event of the Bundle that is the id that it is given.
 *
 * @throws MedtraceError INPUT_INVALID for a Bundle of another type, or one whose entries are no list of objects;
 * INPUT_TOO_LARGE for too long a list.
 */
export async function draftsOfBundle(
  bundle: Element,
  context: MappingContext,
  naming: BundleNaming,
): Promise<BundleDrafts> {
  const type = text(bundle, "type", "Bundle") ?? "";
  if (!TAKEN.includes(type)) {
    throw invalid("Bundle.type", "is not one that is taken", `send one of ${TAKEN.join(", ")}`);
  }
  const entries = children(bundle, "entry", "Bundle");
  const conditional = new Set<number>();
  const drafts = new Map<number, Draft | MedtraceError>();
  const underWay = new Set<number>();
  const draftAt = (i: number): Draft | MedtraceError => {
    const known = drafts.get(i);
    if (known !== undefined) return known;
    underWay.add(i);
    const made = inEntry(i, () => {
      const entry = entries[i] as Element;
      const at = `Bundle.entry[${i}]`;
      const draft = draftOfEntry(entry, at, context, resolve, (reference) => consents.get(reference));
      const criteria = criteriaOf(entry, at);
      if (criteria === undefined) return draft;
      conditional.add(i);
      return naming.named(draft, criteria, `${at}.request.ifNoneExist`);
    });
    underWay.delete(i);
    drafts.set(i, made);
    return made;
  };
  const known = standsFor(entries);
  const consents = consentsIn(entries);
  const resolve = (fullUrl: string): string | undefined => {
    const target = known.get(fullUrl);
    if (typeof target !== "number") return target;
    if (underWay.has(target) || underWay.size > REFERENCES_DEPTH_MAX) return undefined;
    const draft = draftAt(target);
    return draft instanceof MedtraceError ? undefined : `${draft.type}/${naming.idOf(draft)}`;
  };
  const made = await mapInTurns(entries, (_, i) => draftAt(i));
  const resources = entries.map((entry) => entry["resource"]);
  return { type, entries: made, resources, conditional: [...conditional] };
}

function criteriaOf(entry: Element, at: string): string | undefined {
  const request = child(entry, "request", at);
  return request === undefined ? undefined : text(request, "ifNoneExist", `${at}.request`);
}

/** What `act` gives, or the refusal of the entry: with its FHIRPath from the Bundle on. */
export function inEntry<Result>(i: number, act: () => Result): Result | MedtraceError {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof MedtraceError)) throw error;
    return new MedtraceError(error.code, error.message, {
      at: placeInBundle(`Bundle.entry[${i}]`, error.at),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error.cause,
    });
  }
}

function draftOfEntry(
  entry: Element,
  at: string,
  context: MappingContext,
  resolve: (fullUrl: string) => string | undefined,
  carried: Carried,
): Draft {
  const request = child(entry, "request", at);
  const method = request === undefined ? undefined : text(request, "method", `${at}.request`);
  if (method !== undefined && method !== "POST" && method !== "PUT") {
    throw invalid(`${at}.request.method`, "is not one that is taken", "events are created, by POST");
  }
  if (entry["resource"] === undefined) throw invalid(`${at}.resource`, "is required", "send events in entries");
  const resource = element(entry["resource"], `${at}.resource`);
  const draft = draftOfResource(resource, context, resolve, carried);
  return method === "PUT" ? { ...draft, messageId: putId(request ?? {}, resource, at) } : draft;
}

/** Whoever puts a resource gives it its id, `{Type}/{id}` (FHIR R4, 3.1.0.4.1): other content under it conflicts. */
function putId(request: Element, resource: Element, at: string): string {
  const url = text(request, "url", `${at}.request`) ?? "";
  const [, type, id] = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})$/.exec(url) ?? [];
  if (type === undefined || id === undefined || type !== resource["resourceType"]) {
    throw invalid(`${at}.request.url`, "must be the type and id of what is put", "AuditEvent/a1 is one");
  }
  if (resource["id"] !== id)
    throw invalid(`${at}.resource.id`, "must be the id of request.url", "or create it by POST");
  return url;
}

/** The FHIRPath from the Bundle on, of a place in an entry or in its resource; the entry where it is neither. */
function placeInBundle(entry: string, at = entry): string {
  if (at.startsWith(entry)) return at;
  if (!/^[A-Za-z]+(?:[.[]|$)/.test(at)) return entry;
  const path = at.split(".");
  return [`${entry}.resource`, ...(/^[A-Z]/.test(at) ? path.slice(1) : path)].join(".");
}

/**
 * What each fullUrl stands for: the place of an event, which is given an id of its own; else the relative reference of
 * the entry's resource, where it has an id.
 */
function standsFor(entries: readonly Element[]): ReadonlyMap<string, string | number> {
  const known = new Map<string, string | number>();
  for (const [i, entry] of entries.entries()) {
    const { fullUrl, resource } = entry as { fullUrl?: unknown; resource?: { resourceType?: unknown; id?: unknown } };
    if (typeof fullUrl !== "string" || !fullUrl.startsWith("urn:")) continue;
    const type = resource?.resourceType;
    if (type === "AuditEvent" || type === "Provenance") known.set(fullUrl, i);
    else if (typeof type === "string" && typeof resource?.id === "string") known.set(fullUrl, `${type}/${resource.id}`);
  }
  return known;
}

/** Consents of the Bundle, by fullUrl and by relative reference. */
function consentsIn(entries: readonly Element[]): ReadonlyMap<string, Element> {
  const found = new Map<string, Element>();
  for (const { fullUrl, resource } of entries as readonly { fullUrl?: unknown; resource?: Element }[]) {
    if (resource?.["resourceType"] !== "Consent") continue;
    if (typeof fullUrl === "string") found.set(fullUrl, resource);
    if (typeof resource["id"] === "string") found.set(`Consent/${resource["id"]}`, resource);
  }
  return found;
}
