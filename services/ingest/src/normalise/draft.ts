/**
 * Draft: what a mapping (FHIR or HL7 v2) makes of one source message. It is a trace event still in clear and without
 * id, tokens and seal; the pipeline turns drafts into trace events. Mappings are pure: bytes in, drafts out.
 */
import type { MedtraceError } from "@medtrace/shared/errors";
import type { FeedStatement } from "@medtrace/shared/model/feed-statement";
import type {
  ActivityKind,
  AgentKind,
  Coding,
  ConsentState,
  Outcome,
  RecordRole,
  SealedContent,
  SourceFormat,
  TraceTime,
} from "@medtrace/shared/model/trace-event";
import type { Identifier } from "@medtrace/shared/ports/vault";

/** A patient that the message names; agents, records and joins point to it by its place in `persons`. */
export interface DraftPerson {
  /** At least one. Which are shared and which local is decided by the directory, in the mapping. */
  readonly identifiers: readonly Identifier[];
  /** Set where the source names the subject by its token already; only the platform's own services know tokens. */
  readonly token?: string;
}

export interface DraftAgent {
  /** Clear id, or the place in `persons` where the agent is a patient. */
  readonly id: string | { readonly person: number };
  readonly kind: AgentKind;
  readonly roles: readonly string[];
  readonly requestor?: boolean;
  readonly onBehalfOf?: string;
}

export interface DraftRecord {
  /** Clear id, or the place in `persons` where the record is the Patient resource itself. */
  readonly id: string | { readonly person: number };
  readonly type: string;
  readonly version?: string;
  readonly role: RecordRole;
}

export interface Draft {
  readonly format: SourceFormat;
  readonly type: string;
  readonly system: string;
  /** The source's message id (MSH-10, Bundle entry fullUrl with identifier); absent: the digest stands in. */
  readonly messageId?: string;
  readonly index: number;
  readonly flags: readonly string[];
  /** Patterns of IHE BALP that the source follows; sorted. */
  readonly patterns?: readonly string[];
  /** The source bytes that the keyed digest is over: the whole message, for each of its events. */
  readonly raw: Uint8Array;
  readonly activity: { readonly kind: ActivityKind; readonly codes: readonly Coding[] };
  readonly outcome: Outcome;
  readonly occurred?: { readonly start: TraceTime; readonly end: TraceTime };
  readonly recorded: TraceTime;
  readonly purposes: readonly Coding[];
  readonly breakGlass: boolean;
  readonly consents: readonly string[];
  readonly consentStates?: readonly ConsentState[];
  readonly agents: readonly DraftAgent[];
  readonly records: readonly DraftRecord[];
  readonly recipients: readonly string[];
  readonly persons: readonly DraftPerson[];
  readonly joins: readonly (readonly [number, number])[];
  readonly correlation?: string;
  /** The number that its sender gave the message (MSH-13). */
  readonly number?: number;
  /** Only in a feed statement. */
  readonly feed?: FeedStatement;
  readonly sealed: SealedContent;
}

/** What became of one draft. */
export type Receipted =
  | { readonly status: "accepted" | "duplicate"; readonly id: string; readonly flags: readonly string[] }
  | { readonly status: "conflict"; readonly id: string }
  /** It cannot be an event: it has no canonical form, or is over a limit. */
  | { readonly status: "refused"; readonly error: MedtraceError }
  /** Nothing is wrong with it, but with another of those that it should be taken together with. */
  | { readonly status: "withheld" };

export interface AcceptOptions {
  /** All or none: where one draft is refused or conflicts, no other is taken. */
  readonly together?: boolean;
}

/** The pipeline as the entries (HTTP, MLLP) see it. */
export interface Intake {
  /**
   * Tokens, seals, canonicalises and appends; resolves only when every accepted draft is durable in the event log.
   * Drafts of one call share commits. Same id and same digest: `duplicate`, nothing written. Same id, other digest:
   * `conflict`, recorded. A draft that cannot be an event is refused by itself.
   *
   * @throws MedtraceError STORAGE_FAILED, BUSY or RATE_LIMITED; then nothing of this call was acknowledged.
   */
  accept(institution: string, drafts: readonly Draft[], options?: AcceptOptions): Promise<readonly Receipted[]>;
}

/** What a mapping needs to know of its surroundings. */
export interface MappingContext {
  readonly institution: string;
  readonly directory: { resolve(name: string): string; isShared(system: string): boolean };
  /** Offset used for times that carry none, such as `+00:00`. */
  readonly zone: string;
}
