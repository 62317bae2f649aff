/** The members of query's answers that are shown to people (services/query, /v1/records/{id}/…). */

export interface ServedEvent {
  readonly id: string;
  readonly state: "verified";
  readonly institution: string;
  readonly source: { readonly type: string };
  readonly activity: { readonly kind: string };
  readonly outcome: string;
  readonly occurred?: { readonly start: { readonly given: string } };
  readonly recorded: { readonly given: string };
  readonly purposes: readonly { readonly code: string }[];
  readonly breakGlass: boolean;
  readonly agents: readonly { readonly id: string; readonly kind: string; readonly requestor?: boolean }[];
  readonly recipients: readonly string[];
}

export interface FailedEvent {
  readonly id: string;
  readonly state: "integrity-failure";
}

export interface Standing {
  readonly height: number;
  readonly ledgerHeight: number;
  readonly lag: number;
}

export interface Edge {
  /** What was there before. */
  readonly from: string;
  /** What was made of it. */
  readonly to: string;
  readonly relation: string;
  /** Ids of the events that show it. */
  readonly events: readonly string[];
}

export interface LineageAnswer extends Standing {
  readonly record: string;
  readonly truncated: readonly string[];
  readonly nodes: readonly { readonly id: string; readonly depth: number }[];
  readonly edges: readonly Edge[];
  readonly activities: readonly ServedEvent[];
}

export interface AccessesAnswer extends Standing {
  readonly events: readonly (ServedEvent | FailedEvent)[];
  readonly nextCursor?: string;
  readonly hiddenCount?: number;
}
