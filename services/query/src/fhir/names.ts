/** What searches call things, to the ids that events have for them; identifiers of patients go through the vault. */
import { requestRecordId, subjectRecordId } from "@medtrace/shared/model/trace-event";
import { closureOf } from "../closure.ts";
import type { QueryContext } from "../context.ts";
import { namesPatient, subjectByIdentifier, subjectOf, tokenOf, veiled } from "../names.ts";
import type { Viewer } from "../scope.ts";
import { cut, refused } from "./parameters.ts";
import { ID_SYSTEM, INSTITUTION_SYSTEM } from "./refer.ts";

const SUBJECT = subjectRecordId("");
const RELATIVE = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:/i;
const VERSIONED = /\/_history\/([A-Za-z0-9\-.]{1,64})$/;
const URI_SYSTEM = "urn:ietf:rfc:3986";
/** Ingest's stand-in for the system of an identifier that has none. */
const NO_SYSTEM = "identifier";
/** Types that an agent which is named by an identifier alone may have been given. */
const AGENT_TYPES = [
  "Agent",
  "Practitioner",
  "PractitionerRole",
  "Organization",
  "Device",
  "RelatedPerson",
  "Person",
] as const;

/** Types that a record which is named by an identifier alone is likeliest to have. */
const ENTITY_TYPES = [
  "Resource",
  "Query",
  "Consent",
  "DocumentManifest",
  "DocumentReference",
  "DiagnosticReport",
  "Encounter",
  "Observation",
  "Organization",
  "ServiceRequest",
] as const;

/** What events may call one thing that was asked for. */
export interface Named {
  readonly ids: readonly string[];
  /** Where one version alone is meant. */
  readonly version?: string;
  /** Where it is a patient; patients that were joined to it are the same. */
  readonly token?: string;
}

/** Where in an event something is named. */
export type Place = "record" | "Agent" | "Device";

const NOBODY: Named = { ids: [] };

/** The patient that a reference names; nobody where none is known by it. */
export async function patientByReference(ctx: QueryContext, viewer: Viewer, text: string): Promise<Named> {
  const token = text.startsWith(SUBJECT)
    ? tokenOf(text)
    : await subjectOf(ctx, viewer, text.includes("/") ? text : `Patient/${text}`);
  return token === undefined ? NOBODY : { ids: [], token };
}

/** The patient of `system|value`. @throws MedtraceError INPUT_INVALID where no system stands there. */
export async function patientByIdentifier(
  ctx: QueryContext,
  viewer: Viewer,
  name: string,
  text: string,
): Promise<Named> {
  const token = await subjectByIdentifier(ctx, viewer, identifierOf(name, text));
  return token === undefined ? NOBODY : { ids: [], token };
}

/** Every token of a patient, with those that were joined to it. */
export async function tokensOf(ctx: QueryContext, token: string | undefined): Promise<readonly string[]> {
  return token === undefined ? [] : (await closureOf(ctx, token)).tokens;
}

/**
 * The ids of a record or an agent that a reference names.
 *
 * @param type resource type, where the parameter's modifier says it.
 */
export async function namedByReference(
  ctx: QueryContext,
  viewer: Viewer,
  text: string,
  type: string | undefined,
  as: Place,
): Promise<Named> {
  const full = type === undefined || text.includes("/") ? text : `${type}/${text}`;
  if (full.startsWith(SUBJECT) || namesPatient(full)) return await patientByReference(ctx, viewer, full);
  const [, relativeType, id, version] = RELATIVE.exec(full) ?? [];
  if (relativeType !== undefined && id !== undefined) {
    const own = `${viewer.institution}/${relativeType}/${id}`;
    // An institution of the directory goes by its own id.
    const known = relativeType === "Organization" ? [id] : [];
    return { ids: [own, veiledOf(ctx, viewer, own, as), ...known], ...(version === undefined ? {} : { version }) };
  }
  const at = ABSOLUTE.test(full) ? VERSIONED.exec(full)?.[1] : undefined;
  const name = at === undefined ? full : full.replace(VERSIONED, "");
  return { ids: [name, veiledOf(ctx, viewer, name, as)], ...(at === undefined ? {} : { version: at }) };
}

/** The ids of an agent by `system|value`; a patient may be one. */
export async function agentByIdentifier(ctx: QueryContext, viewer: Viewer, name: string, text: string): Promise<Named> {
  const { system, value } = identifierOf(name, text);
  const direct = directId(system, value);
  if (direct !== undefined) return { ids: [direct] };
  const own = AGENT_TYPES.map((type) => ownId(viewer, type, `${system}|${value}`));
  const token = await subjectByIdentifier(ctx, viewer, { system, value });
  // What a source calls an agent beside any reference has no system.
  const alone = system === NO_SYSTEM ? [ownId(viewer, "Agent", value)] : [];
  return {
    ids: [...own, ...own.map((id) => veiledOf(ctx, viewer, id, "Agent")), ...alone],
    ...(token === undefined ? {} : { token }),
  };
}

/** The ids of a record by `system|value`, of any type that ingest may have read from beside it; or a patient. */
export async function entityByIdentifier(
  ctx: QueryContext,
  viewer: Viewer,
  name: string,
  text: string,
): Promise<Named> {
  const { system, value } = identifierOf(name, text);
  const direct = directId(system, value);
  if (direct !== undefined) return { ids: [direct] };
  const token = await subjectByIdentifier(ctx, viewer, { system, value });
  const own = ENTITY_TYPES.map((type) => ownId(viewer, type, `${system}|${value}`));
  // An entity that carries the id of a request names no system.
  const ids = system === NO_SYSTEM ? [...own, requestRecordId(value)] : own;
  return { ids, ...(token === undefined ? {} : { token }) };
}

export interface SearchedIdentifier {
  readonly system: string;
  readonly value: string;
}

/** @throws MedtraceError INPUT_INVALID where it is not `system|value` or `|value`. */
export function identifierOf(name: string, text: string): SearchedIdentifier {
  const [system = "", value, ...more] = cut(text, "|");
  if (value === undefined || value === "" || more.length > 0) {
    throw refused(name, "wants system|value", "identifiers are kept as keyed hashes: none is found without its system");
  }
  return { system: system === "" ? NO_SYSTEM : system, value };
}

/** Identifiers that are ids of events as they are. */
function directId(system: string, value: string): string | undefined {
  const isUri = system === URI_SYSTEM && ABSOLUTE.test(value);
  return isUri || system === ID_SYSTEM || system === INSTITUTION_SYSTEM ? value : undefined;
}

function ownId(viewer: Viewer, type: string, id: string): string {
  return `${viewer.institution}/${type}/${encodeURIComponent(id)}`;
}

/** As ingest veils an id that repeats an identifier of the event's patient: by the place that it stands at. */
function veiledOf(ctx: QueryContext, viewer: Viewer, id: string, as: Place): string {
  const stated = id.split("/").at(-2) ?? "";
  const ofRecord = /^[A-Za-z]{1,64}$/.test(stated) ? stated : "Resource";
  return veiled(ctx, viewer.institution, as === "record" ? ofRecord : as, id);
}
