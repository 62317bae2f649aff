/**
 * Parameters of a search for AuditEvents, as their names and values are given (FHIR R4, 3.1.1 Search; IHE ITI-81): which
 * there are, of what type, and how a value is cut. What they mean is in criteria.ts.
 */
import { MedtraceError } from "@medtrace/shared/errors";

export type ParameterType = "token" | "reference" | "string" | "date";

export interface Parameter {
  readonly type: ParameterType;
  readonly documentation: string;
  /** Told in the CapabilityStatement; other spellings of the same are not. */
  readonly alias?: true;
}

/** Every parameter that narrows a search; what each matches is R4's (R5's) definition unless said otherwise. */
export const PARAMETERS: Readonly<Record<string, Parameter>> = {
  _id: { type: "token", documentation: "id of the event" },
  date: { type: "date", documentation: "when it was recorded; eq, ne, gt, lt, ge, le, sa, eb and ap" },
  patient: { type: "reference", documentation: "a patient: Patient/1, an absolute URL, or urn:medtrace:subject:token" },
  "patient.identifier": { type: "token", documentation: "a patient by system|value; better sent by POST" },
  agent: { type: "reference", documentation: "who took part" },
  "agent.identifier": { type: "token", documentation: "who took part, by system|value" },
  "agent-role": { type: "token", documentation: "code of an agent's role; systems of roles are not kept" },
  role: { type: "token", documentation: "as agent-role", alias: true },
  "agent-name": { type: "string", documentation: "needs trace/unseal" },
  address: { type: "string", documentation: "network address; needs trace/unseal" },
  entity: { type: "reference", documentation: "what was used" },
  "entity.identifier": { type: "token", documentation: "what was used, or a patient, by system|value" },
  "entity-type": { type: "token", documentation: "audit-entity-type 1 or 2, or a resource type" },
  "entity-role": { type: "token", documentation: "object-role 1, 4 or 24" },
  "entity-name": { type: "string", documentation: "needs trace/unseal" },
  type: { type: "token", documentation: "kind of event" },
  subtype: { type: "token", documentation: "more of the kind of event" },
  category: { type: "token", documentation: "R5: kind of event" },
  code: { type: "token", documentation: "R5: more of the kind of event" },
  action: { type: "token", documentation: "C, R, U, D or E" },
  outcome: { type: "token", documentation: "0, 4, 8 or 12; by the codes of issue-severity in R5" },
  purpose: { type: "token", documentation: "purpose of use" },
  source: { type: "reference", documentation: "the system that wrote the event" },
  "source.identifier": { type: "token", documentation: "the system that wrote the event, by system|value" },
  site: { type: "token", documentation: "the institution that produced the event" },
};

/** Parameters of the answer, not of what is found. */
const OF_ANSWER: ReadonlySet<string> = new Set([
  "_count",
  "_sort",
  "_format",
  "_pretty",
  "_total",
  "_summary",
  "_page",
]);

/** One parameter as given. Values are alternatives; parameters of one name must all hold. */
export interface Given {
  readonly name: string;
  readonly modifier?: string;
  readonly values: readonly string[];
}

export interface Request {
  readonly given: readonly Given[];
  /** Parameters of the answer, by name. */
  readonly answer: Readonly<Record<string, string>>;
  /** Names that are not known, where the caller said to pass over them (`Prefer: handling=lenient`). */
  readonly ignored: readonly string[];
}

export const SEARCH_CHARACTERS_MAX = 8_192;
const GIVEN_MAX = 50;
const VALUES_MAX = 100;

/**
 * What a search asks for.
 *
 * @param texts query strings, of the URL and of the body.
 * @throws MedtraceError INPUT_INVALID naming a parameter that is not known (unless `lenient`), stands twice or is empty;
 * INPUT_TOO_LARGE over a limit. No text quotes a value.
 */
export function readParameters(texts: readonly string[], lenient: boolean): Request {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length > SEARCH_CHARACTERS_MAX) throw tooLarge("search", `is over ${SEARCH_CHARACTERS_MAX} characters`);
  const given: Given[] = [];
  const answer: Record<string, string> = {};
  const ignored: string[] = [];
  for (const [key, value] of texts.flatMap((text) => [...new URLSearchParams(text)])) {
    const [name = "", ...modifiers] = key.split(":");
    if (OF_ANSWER.has(key)) {
      if (Object.hasOwn(answer, key) && answer[key] !== value) throw refused(key, "stands twice", "send it once");
      answer[key] = value;
    } else if (Object.hasOwn(PARAMETERS, name) && value !== "") {
      given.push(parameterOf(name, modifiers.join(":"), value));
    } else if (Object.hasOwn(PARAMETERS, name) || lenient) {
      ignored.push(nameable(name));
    } else {
      const hint = "see /fhir/metadata for those that are; Prefer: handling=lenient passes over others";
      throw refused(nameable(name), "is not a parameter of this search", hint);
    }
  }
  if (given.length > GIVEN_MAX) throw tooLarge("search", `has more than ${GIVEN_MAX} parameters`);
  return { given, answer, ignored };
}

function parameterOf(name: string, modifier: string, value: string): Given {
  const values = cut(value, ",");
  if (values.length > VALUES_MAX) throw tooLarge(name, `has more than ${VALUES_MAX} values`);
  const { type } = PARAMETERS[name] as Parameter;
  // `patient:identifier` is another way to write `patient.identifier` (FHIR R4, 3.1.1.4.7).
  if (modifier === "identifier" && Object.hasOwn(PARAMETERS, `${name}.identifier`)) {
    return { name: `${name}.identifier`, values };
  }
  if (modifier === "") return { name, values };
  const isType = type === "reference" && /^[A-Z][A-Za-z]+$/.test(modifier);
  const isKnown = isType || (type === "token" && modifier === "not") || (type === "string" && modifier === "exact");
  if (isKnown) return { name, modifier, values };
  throw refused(name, "does not take this modifier", "tokens take :not, texts :exact, references a type");
}

/** Cuts at a separator that no backslash stands before, and undoes the backslashes that FHIR has (R4, 3.1.1.4.0.1). */
export function cut(text: string, separator: "," | "|"): string[] {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === "\\" && i + 1 < text.length) {
      const next = text.charAt(++i);
      // Cut at commas, a value keeps what it is cut at later.
      part += separator === "," && next === "|" ? `\\${next}` : /[\\,|$]/.test(next) ? next : `\\${next}`;
    } else if (character === separator) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part].map((one) => one.trim());
}

/** A name that may be told: one that looks like a parameter. */
function nameable(name: string): string {
  return /^[_A-Za-z][A-Za-z.\-_]{0,40}$/.test(name) ? name : "parameter";
}

export function refused(at: string, message: string, hint: string): MedtraceError {
  return new MedtraceError("INPUT_INVALID", message, { at, hint });
}

function tooLarge(at: string, message: string): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", message, { at, hint: "ask for less at once" });
}
