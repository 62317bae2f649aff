/**
 * Trace event, format version 1: one normalised use of medical data. Its canonical bytes (RFC 8785) are the event
 * log record's value and the leaf's data. Everything here is clear; what identifies a person is inside `sealed`.
 */
import { base64url, sha256Hex } from "./bytes.ts";
import { canonicalBytes, canonicalText, type Json } from "./canonical.ts";
import type { FeedStatement } from "./feed-statement.ts";

export const TRACE_EVENT_FORMAT = 1;

/** The wire format that the event came in; `medtrace`: ingest says it itself (`feed`). */
export type SourceFormat = "fhir-r4" | "fhir-r5" | "hl7v2" | "dicom-audit" | "prov-json" | "medtrace";

/** What was done; the FHIR AuditEvent actions (C R U D E) first, then what HL7 v2 and Provenance add. */
export type ActivityKind =
  | "create"
  | "read"
  | "update"
  | "delete"
  | "execute"
  | "disclose"
  | "order"
  | "merge"
  | "link"
  | "move";

/**
 * How the activity touched a record, in PROV's terms: `used` (R, E), `generated` (C, Provenance target), `revised`
 * (U: used, generated and wasRevisionOf), `invalidated` (D, removal), `source` (used, and what was generated was
 * derived from it), `revision` (what was generated is a revision of it), `quotation` (wasQuotedFrom), `associated`
 * (a failed outcome: named, not touched).
 */
export type RecordRole =
  | "used"
  | "generated"
  | "revised"
  | "invalidated"
  | "source"
  | "revision"
  | "quotation"
  | "associated";

export type Outcome = "success" | "minor-failure" | "serious-failure" | "major-failure";

export type AgentKind = "person" | "subject" | "device" | "software" | "institution" | "unknown";

/** A time as its source gave it (RFC 3339, its own offset) beside the same instant in UTC, for sorting. */
export interface TraceTime {
  readonly given: string;
  /** `YYYY-MM-DDTHH:mm:ss.sssZ` */
  readonly utc: string;
}

export interface Coding {
  readonly system?: string;
  readonly code: string;
}

export interface TraceAgent {
  /** Absolute URL or `urn:`, else `{institution}/{Type}/{id}`; a patient is `urn:medtrace:subject:{token}`. */
  readonly id: string;
  readonly kind: AgentKind;
  readonly roles: readonly string[];
  readonly requestor?: boolean;
  /** The id of the agent, in this event or not, that this one acted for (PROV actedOnBehalfOf). */
  readonly onBehalfOf?: string;
}

export interface TraceRecord {
  /** Absolute URL or `urn:` where the source has one, else `{institution}/{Type}/{id}`. */
  readonly id: string;
  readonly type: string;
  readonly version?: string;
  readonly role: RecordRole;
}

/** What a consent said of itself, where its text came with an event: in a source of the use, or of a change of it. */
export interface ConsentState {
  /** Record id of the consent. */
  readonly id: string;
  readonly version?: string;
  /** Only `active` allows anything. */
  readonly status: "active" | "not-active" | "entered-in-error";
  /** UTC; the consent holds from then on. */
  readonly from?: string;
  /** UTC; the consent holds until then, inclusive. */
  readonly to?: string;
}

export interface TraceSource {
  readonly format: SourceFormat;
  /** What kind of message: `AuditEvent`, `Provenance`, `ADT^A40`. */
  readonly type: string;
  /** The sending system, as it names itself. */
  readonly system: string;
  /** `hmac-sha256:` and hex: HMAC of the source bytes under the institution's digest key. */
  readonly digest: string;
  /** Position among the events of one source message. */
  readonly index: number;
  /** What is odd about the source, such as `balp:no-patient`, `hl7:unknown-version`; sorted. */
  readonly flags: readonly string[];
  /** Patterns of IHE BALP that it follows, such as `PatientRead`; sorted. Absent: none. */
  readonly patterns?: readonly string[];
}

/** AES-256-GCM; additional data is the event's id in UTF-8. The key is the data key of (institution, `subject`). */
export interface SealedPart {
  readonly alg: "A256GCM";
  /** Token whose data key this is under; `none` where the event names no patient. */
  readonly subject: string;
  /** base64url, 12 bytes. */
  readonly iv: string;
  /** base64url, ciphertext then the 16-byte tag. */
  readonly data: string;
}

export interface TraceEvent {
  readonly format: typeof TRACE_EVENT_FORMAT;
  /** 64 hex digits; {@link eventId}. */
  readonly id: string;
  readonly institution: string;
  readonly source: TraceSource;
  readonly activity: { readonly kind: ActivityKind; readonly codes: readonly Coding[] };
  readonly outcome: Outcome;
  /** When it was done (`EVN-6`, AuditEvent.period); start equals end where the source gives one time. */
  readonly occurred?: { readonly start: TraceTime; readonly end: TraceTime };
  /** When its source wrote it down (`MSH-7`, AuditEvent.recorded). */
  readonly recorded: TraceTime;
  /** When ingest took it. */
  readonly received: TraceTime;
  readonly purposes: readonly Coding[];
  readonly breakGlass: boolean;
  /** Record ids of the consents that the use relied on. */
  readonly consents: readonly string[];
  /** Absent: the text of no consent came along. */
  readonly consentStates?: readonly ConsentState[];
  readonly agents: readonly TraceAgent[];
  readonly records: readonly TraceRecord[];
  /** Institutions that it was disclosed to; an unknown partner stays as the name it came with. */
  readonly recipients: readonly string[];
  /** Subject tokens; more than one where the event is about several patients. */
  readonly subjects: readonly string[];
  /** Pairs of tokens that this event says are one person (a merge, a link, two identifiers in one message). */
  readonly joins: readonly (readonly [string, string])[];
  /** X-Request-Id or its like, to correlate the client's and server's record of one access. */
  readonly correlation?: string;
  /** Only in a feed statement, which is about what was sent, and about no record. */
  readonly feed?: FeedStatement;
  readonly sealed: SealedPart;
  /** base64url, 32 random bytes: entropy of the leaf, so that a sibling hash cannot be guessed back to an event. */
  readonly nonce: string;
}

/** What `sealed` holds, before encryption. Every member identifies or may identify a person. */
export interface SealedContent {
  readonly messageId?: string;
  readonly identifiers?: readonly { readonly system: string; readonly value: string; readonly type?: string }[];
  readonly names?: readonly string[];
  readonly birthDate?: string;
  readonly addresses?: readonly string[];
  readonly network?: readonly string[];
  readonly text?: readonly string[];
  /** Names of agents and records, by the id they have in the clear part. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * The id of the index-th event of a source message: SHA-256 over the canonical JSON array [institution, system,
 * message, index], in hex. `message` is the source's message id, or `digest:` and the keyed digest where it has none.
 */
export function eventId(institution: string, system: string, message: string, index: number): string {
  return sha256Hex(canonicalText([institution, system, message, index]));
}

/** Canonical bytes of an event: what is logged, hashed and anchored. */
export function eventBytes(event: TraceEvent): Uint8Array {
  return canonicalBytes(event as unknown as Json);
}

/** The record id that stands for a patient wherever a source names the Patient resource. */
export function subjectRecordId(token: string): string {
  return `urn:medtrace:subject:${token}`;
}

/** `version-traceid-parentid-flags` (W3C Trace Context): client and server name the same trace by different parents. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The record id that stands for a request (X-Request-Id), by which events of its client and its server are found. */
export function requestRecordId(correlation: string): string {
  return `urn:medtrace:request:${TRACEPARENT.exec(correlation)?.[1] ?? correlation}`;
}

/** A random subject token: 16 bytes, base64url. */
export function newToken(random: Uint8Array): string {
  return base64url(random.subarray(0, 16));
}
