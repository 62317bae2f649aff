/** What the projector's thread and its keeper say to each other. */
import type { ErrorCode } from "@medtrace/shared/errors";
import type { Incident } from "@medtrace/shared/ports/projection";

/** Where the projector stands, as of its last word. */
export interface ProjectorProgress {
  /** Blocks projected. */
  readonly height: number;
  /** Blocks that the ledger has. */
  readonly ledgerHeight: number;
  readonly events: number;
  readonly batches: number;
  readonly duplicates: number;
  readonly incidents: number;
}

/** What one process projected since it started. */
export interface ProjectorTally {
  readonly events: number;
  readonly batches: number;
  readonly incidents: Readonly<Record<Incident["kind"], number>>;
}

export interface ProjectorStatus extends ProjectorProgress {
  /**
   * `waiting`: another process projects, and this one takes over when that one is gone. `failing`: it stopped for
   * `why`, and is started again after a while, again and again. `elsewhere`: projecting is not this process' work.
   */
  readonly state: "starting" | "running" | "waiting" | "failing" | "stopped" | "elsewhere";
  /** Why it failed last; undefined once it runs. */
  readonly why: string | undefined;
  /** Blocks that the ledger has and the projection has not yet. */
  readonly lag: number;
  /** How often it was started again after a failure. */
  readonly restarts: number;
  readonly tally: ProjectorTally;
}

/** Of a projector that has not said a word yet. */
export const STARTING: ProjectorStatus = {
  state: "starting",
  why: undefined,
  height: 0,
  ledgerHeight: 0,
  lag: 0,
  events: 0,
  batches: 0,
  duplicates: 0,
  incidents: 0,
  restarts: 0,
  tally: {
    events: 0,
    batches: 0,
    incidents: { "root-mismatch": 0, "range-unreadable": 0, conflict: 0, "unreadable-event": 0 },
  },
};

/** From the thread to its keeper. */
export type ProjectorWord =
  | { readonly kind: "running" }
  /** Another holds the projector's lock. */
  | { readonly kind: "waiting" }
  /** `fresh`: what was projected since the last progress. */
  | { readonly kind: "progress"; readonly progress: ProjectorProgress; readonly fresh: Pick<ProjectorTally, Counted> }
  /** Incidents that are new, by kind, and some of them in words. */
  | { readonly kind: "incidents"; readonly counts: ProjectorTally["incidents"]; readonly told: readonly Incident[] }
  | { readonly kind: "failed"; readonly fault: Fault; readonly wait_ms: number };

type Counted = "events" | "batches";

/** An error, in a form that survives the way between threads. */
export interface Fault {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

/** From the keeper to the thread: end in peace. */
export const STOP = "stop";

/** Waits between tries double up to the longest. */
export function backoff_ms(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 15_000);
}
