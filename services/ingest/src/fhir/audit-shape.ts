/**
 * What releases of FHIR spell differently in an AuditEvent, read alike: R4 and R4B (hl7.org/fhir/R4/auditevent.html),
 * R5 (hl7.org/fhir/R5/auditevent.html). Other releases are refused: their elements mean other things.
 */
import type { Coding, Outcome, SourceFormat } from "@medtrace/shared/model/trace-event";
import { child, children, coding, codings, codingsOf, type Element, invalid, text } from "./element.ts";

const AT = "AuditEvent";
const RELEASES = "send AuditEvent as FHIR R4, R4B or R5 has it";

export interface AuditShape {
  readonly format: SourceFormat;
  /** Type, then subtypes; in R5 categories, then the code. */
  readonly codes: readonly Coding[];
  readonly outcome: Outcome;
  /** What is said of the outcome in words. */
  readonly outcomeTexts: readonly (string | undefined)[];
  readonly purposes: readonly Coding[];
  /** Where occurred is to be found. */
  readonly occurred: { readonly period: string; readonly dateTime?: string };
  /** Code of an entity's role. */
  roleOf(entity: Element, at: string): string | undefined;
  /** Where an agent is on the network. */
  networkOf(agent: Element, at: string): readonly (string | undefined)[];
}

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map(
  Object.entries<Outcome>({
    "0": "success",
    "4": "minor-failure",
    "8": "serious-failure",
    "12": "major-failure",
  }),
);

/** In R5 a Coding of issue-severity, or one of R4's. */
const OUTCOMES_R5: ReadonlyMap<string, Outcome> = new Map([
  ...OUTCOMES,
  ...Object.entries<Outcome>({
    success: "success",
    information: "success",
    warning: "minor-failure",
    error: "serious-failure",
    fatal: "major-failure",
  }),
]);

/** @throws MedtraceError INPUT_INVALID at what is missing or wrong, INPUT_UNSUPPORTED for another release. */
export function auditShape(resource: Element, flags: Set<string>): AuditShape {
  const isR5 = resource["type"] === undefined && (resource["code"] !== undefined || resource["category"] !== undefined);
  return isR5 ? shapeOfR5(resource, flags) : shapeOfR4(resource, flags);
}

function shapeOfR4(resource: Element, flags: Set<string>): AuditShape {
  const typeElement = child(resource, "type", AT);
  if (typeElement === undefined) throw invalid(`${AT}.type`, "is required", "say what kind of event it is");
  if (typeElement["coding"] !== undefined) throw unsupported(`${AT}.type.coding`, "is of a release after R5");
  const type = coding(typeElement, `${AT}.type`);
  if (type === undefined) throw invalid(`${AT}.type.code`, "is required", "say what kind of event it is");
  const subtypes = children(resource, "subtype", AT).flatMap((one, i) => coding(one, `${AT}.subtype[${i}]`) ?? []);
  return {
    format: "fhir-r4",
    codes: [type, ...subtypes],
    outcome: outcomeOf(text(resource, "outcome", AT), OUTCOMES, flags),
    outcomeTexts: [text(resource, "outcomeDesc", AT)],
    purposes: purposesOf(resource, "purposeOfEvent", "purposeOfUse"),
    occurred: { period: "period" },
    roleOf: (entity, at) => coding(child(entity, "role", at), `${at}.role`)?.code,
    networkOf(agent, at) {
      if (agent["reference"] !== undefined) throw unsupported(`${at}.reference`, "is of a release before R4");
      if (agent["userId"] !== undefined) throw unsupported(`${at}.userId`, "is of a release before R4");
      const network = child(agent, "network", at);
      return network === undefined ? [] : [text(network, "address", `${at}.network`)];
    },
  };
}

function shapeOfR5(resource: Element, flags: Set<string>): AuditShape {
  const code = codings(child(resource, "code", AT), `${AT}.code`);
  if (code.length === 0) throw invalid(`${AT}.code`, "is required", "say what happened, by a coding");
  const outcome = child(resource, "outcome", AT);
  const outcomeAt = `${AT}.outcome`;
  const details = outcome === undefined ? [] : children(outcome, "detail", outcomeAt);
  const said = outcome === undefined ? undefined : coding(child(outcome, "code", outcomeAt), `${outcomeAt}.code`)?.code;
  return {
    format: "fhir-r5",
    codes: [...codingsOf(resource, "category", AT), ...code],
    outcome: outcomeOf(said, OUTCOMES_R5, flags),
    outcomeTexts: details.map((detail, i) => text(detail, "text", `${outcomeAt}.detail[${i}]`)),
    purposes: purposesOf(resource, "authorization", "authorization"),
    occurred: { period: "occurredPeriod", dateTime: "occurredDateTime" },
    roleOf: (entity, at) => codings(child(entity, "role", at), `${at}.role`)[0]?.code,
    networkOf(agent, at) {
      const reference = child(agent, "networkReference", at);
      return [
        text(agent, "networkUri", at),
        text(agent, "networkString", at),
        reference === undefined ? undefined : text(reference, "reference", `${at}.networkReference`),
      ];
    },
  };
}

function outcomeOf(code: string | undefined, known: ReadonlyMap<string, Outcome>, flags: Set<string>): Outcome {
  if (code === undefined) flags.add("fhir:missing-outcome");
  else if (!known.has(code)) flags.add("fhir:unknown-outcome");
  return known.get(code ?? "0") ?? "success";
}

/** Why, as said of the event and of its agents; each once. */
function purposesOf(resource: Element, ofEvent: string, ofAgent: string): Coding[] {
  const all = [
    ...codingsOf(resource, ofEvent, AT),
    ...children(resource, "agent", AT).flatMap((agent, i) => codingsOf(agent, ofAgent, `${AT}.agent[${i}]`)),
  ];
  return [...new Map(all.map((one) => [`${one.system ?? ""}|${one.code}`, one])).values()];
}

function unsupported(at: string, message: string): Error {
  return invalid(at, message, RELEASES, "INPUT_UNSUPPORTED");
}
