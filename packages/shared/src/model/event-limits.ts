/**
 * Limits of a trace event that everybody behind ingest relies on: what is over one is refused by ingest before it is
 * acknowledged, and is no trace event to the projector. Bytes of an event are limited by the event log's port.
 */
import type { ActivityKind, RecordRole } from "./trace-event.ts";

/** Longest text that is looked up by, in UTF-16 code units: an id, name, role or token. Shortest is 1. */
export const TEXT_CHARS_MAX = 8_192;

/**
 * Most entries that one event may need in an index: its facets times those who may see them, or its derivations. The
 * product of two long lists costs far more than the bytes that hold them.
 */
export const INDEX_ENTRIES_MAX = 65_536;

/** Most characters of ids that the derivations of one event may repeat: each names both of its ends. */
export const DERIVATION_CHARS_MAX = 4_194_304;

/** With fewer records than this, no derivations are over a limit. */
const FEW_RECORDS = 16;

/** Where an event is over a limit, and how. */
export interface LimitFault {
  /** Member of the trace event, such as `records.id`. */
  readonly at: string;
  readonly message: string;
}

/** What of a trace event, or of a draft of one, decides how many index entries it needs. */
export interface Indexed {
  readonly activity: { readonly kind: ActivityKind };
  readonly agents: readonly unknown[];
  /** An id that is no text is a person's, and shorter than any text. */
  readonly records: readonly { readonly id: unknown; readonly role: RecordRole }[];
  readonly recipients: readonly unknown[];
}

/** What {@link textFault} looks at. */
export interface Texts {
  readonly institution: string;
  readonly source: { readonly flags: readonly string[] };
  readonly consents: readonly string[];
  readonly agents: readonly {
    readonly id: string;
    readonly roles: readonly string[];
    readonly onBehalfOf?: string;
  }[];
  readonly records: readonly { readonly id: string; readonly type: string; readonly version?: string }[];
  readonly recipients: readonly string[];
  readonly subjects: readonly string[];
  readonly correlation?: string;
}

/**
 * Why an event needs more index entries than INDEX_ENTRIES_MAX; undefined where it does not.
 *
 * @param subjects how many it names.
 */
export function indexFault(
  { activity, agents, records, recipients }: Indexed,
  subjects: number,
): LimitFault | undefined {
  // An agent is looked up by its own id and by whom it acted for.
  const facets = records.length + 2 * agents.length + subjects + recipients.length;
  if (facets * (1 + recipients.length) > INDEX_ENTRIES_MAX) {
    const at = recipients.length > 0 ? "recipients" : records.length > agents.length ? "records" : "agents";
    return { at, message: `records, agents and subjects by recipients are over ${INDEX_ENTRIES_MAX}` };
  }
  if (records.length <= FEW_RECORDS) return undefined;
  const sources = records.filter(({ role }) => isSource(role, activity.kind));
  const message = derivationFault(
    sources,
    records.filter(({ role }) => isMade(role)),
  );
  return message === undefined ? undefined : { at: "records", message };
}

interface Identified {
  readonly id: unknown;
}

/** Why these sources and what was made of them make too many derivations; undefined where they do not. */
export function derivationFault(sources: readonly Identified[], made: readonly Identified[]): string | undefined {
  if (sources.length * made.length > INDEX_ENTRIES_MAX) {
    return `sources by what was made of them are over ${INDEX_ENTRIES_MAX}`;
  }
  const chars = made.length * charsOf(sources) + sources.length * charsOf(made);
  return chars > DERIVATION_CHARS_MAX
    ? `ids of sources by what was made of them are over ${DERIVATION_CHARS_MAX} characters`
    : undefined;
}

function charsOf(records: readonly Identified[]): number {
  return records.reduce((sum, { id }) => sum + (typeof id === "string" ? id.length : 0), 0);
}

/** Whether something was made of a record of this role. */
function isSource(role: RecordRole, kind: ActivityKind): boolean {
  if (role === "invalidated") return kind === "merge";
  return role === "source" || role === "revision" || role === "quotation";
}

function isMade(role: RecordRole): boolean {
  return role === "generated" || role === "revised";
}

/** The first text of an event that is empty or longer than TEXT_CHARS_MAX; undefined where there is none. */
export function textFault(event: Texts): LimitFault | undefined {
  const at = faultyText(event);
  return at === undefined ? undefined : { at, message: `${at} is not 1 to ${TEXT_CHARS_MAX} characters of text` };
}

function faultyText(event: Texts): string | undefined {
  if (isFaulty(event.institution)) return "institution";
  for (const { id, roles, onBehalfOf } of event.agents) {
    if (isFaulty(id)) return "agents.id";
    if (roles.some(isFaulty)) return "agents.roles";
    if (onBehalfOf !== undefined && isFaulty(onBehalfOf)) return "agents.onBehalfOf";
  }
  for (const { id, type, version } of event.records) {
    if (isFaulty(id)) return "records.id";
    if (isFaulty(type)) return "records.type";
    if (version !== undefined && isFaulty(version)) return "records.version";
  }
  if (event.source.flags.some(isFaulty)) return "source.flags";
  if (event.consents.some(isFaulty)) return "consents";
  if (event.recipients.some(isFaulty)) return "recipients";
  if (event.subjects.some(isFaulty)) return "subjects";
  return event.correlation !== undefined && isFaulty(event.correlation) ? "correlation" : undefined;
}

function isFaulty(text: string): boolean {
  return text.length === 0 || text.length > TEXT_CHARS_MAX;
}
