/** One resource, whatever it is, to a draft: the two types that say how data was used are taken. */
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { draftOfAuditEvent } from "./audit-event.ts";
import type { Carried } from "./consents.ts";
import { type Element, element, invalid } from "./element.ts";
import { draftOfProvenance } from "./provenance.ts";

export type TakenType = "AuditEvent" | "Provenance";

/** The resource's type. @throws MedtraceError INPUT_INVALID where it has none. */
export function resourceType(resource: Element, at = "resourceType"): string {
  const type = resource["resourceType"];
  if (typeof type !== "string") throw invalid(at, "is required", "send a FHIR resource");
  return type;
}

/**
 * The draft of an AuditEvent or a Provenance.
 *
 * @throws MedtraceError INPUT_INVALID where it is another resource, or breaks a rule that makes it untraceable;
 * INPUT_MALFORMED where it has no canonical form (a lone surrogate).
 */
export function draftOfResource(
  value: unknown,
  context: MappingContext,
  resolve?: (fullUrl: string) => string | undefined,
  carried?: Carried,
): Draft {
  const resource = element(value, "resource");
  const type = resourceType(resource);
  if (type === "AuditEvent") return draftOfAuditEvent(resource, context, resolve, carried);
  if (type === "Provenance") return draftOfProvenance(resource, context, resolve, carried);
  throw invalid("resourceType", "is not one that says how data was used", "send AuditEvent or Provenance");
}
