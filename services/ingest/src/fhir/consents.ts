/**
 * Consents whose text came with an event, contained in it or in the same Bundle (hl7.org/fhir/R4/consent.html, R5 too): what
 * they said of themselves then, so that it can be told later whether the consent that a use relied on stood.
 */
import type { ConsentState } from "@medtrace/shared/model/trace-event";
import type { MappingContext } from "../normalise/draft.ts";
import type { Contained } from "./contained.ts";
import { dateTimeSpan } from "./date-time.ts";
import { child, type Element, text } from "./element.ts";
import type { ReferenceReader } from "./reference.ts";

/** Resources that came with an event, by the reference to them; undefined where there is none. */
export type Carried = (reference: string) => Element | undefined;

export interface ConsentParts {
  readonly context: MappingContext;
  readonly references: ReferenceReader;
  readonly contained: Contained;
  readonly carried: Carried | undefined;
}

const CONSENT = { type: "Consent" } as const;
/** The only status under which a consent counts (consent-state-codes). */
const ACTIVE = "active";
/** It says that its whole content was wrong. */
const ENTERED_IN_ERROR = "entered-in-error";

/** The states of those of the references that are to Consents which came along; each with its FHIRPath. */
export function consentStates(
  references: readonly (readonly [Element | undefined, string])[],
  parts: ConsentParts,
): readonly ConsentState[] {
  const states = new Map<string, ConsentState>();
  for (const [reference, at] of references) {
    const given = reference === undefined ? undefined : text(reference, "reference", at);
    const consent = given?.startsWith("#") ? parts.contained.get(given.slice(1)) : parts.carried?.(given ?? "");
    if (consent?.["resourceType"] !== "Consent") continue;
    const { id, version } = parts.references.read(reference, at, CONSENT);
    if (id !== undefined) states.set(id, stateOf(id, version, consent, parts.context));
  }
  return [...states.values()];
}

/** What cannot be read of it is left out: it came beside the event, and is not what the event is about. */
function stateOf(id: string, named: string | undefined, consent: Element, { zone }: MappingContext): ConsentState {
  const at = "Consent";
  const status = read(() => text(consent, "status", at, 64));
  const meta = read(() => child(consent, "meta", at));
  const version = named ?? (meta === undefined ? undefined : read(() => text(meta, "versionId", `${at}.meta`, 64)));
  const provision = read(() => child(consent, "provision", at));
  const period =
    read(() => child(consent, "period", at)) ??
    (provision === undefined ? undefined : read(() => child(provision, "period", `${at}.provision`)));
  const bound = (name: "start" | "end"): string | undefined => {
    const given = period === undefined ? undefined : read(() => text(period, name, at));
    return given === undefined ? undefined : dateTimeSpan(given, zone, new Set())?.[name].utc;
  };
  const from = bound("start");
  const to = bound("end");
  return {
    id,
    ...(version === undefined ? {} : { version }),
    status: status === ACTIVE ? "active" : status === ENTERED_IN_ERROR ? "entered-in-error" : "not-active",
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function read<Value>(get: () => Value): Value | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
