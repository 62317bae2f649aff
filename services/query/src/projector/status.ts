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

export interface ProjectorStatus extends ProjectorProgress {
  /** `failing`: it stopped for `why`, and is started again after a while, again and again. */
  readonly state: "starting" | "running" | "failing" | "stopped";
  /** Why it failed last; undefined once it runs. */
  readonly why: string | undefined;
  /** Blocks that the ledger has and the projection has not yet. */
  readonly lag: number;
  /** How often it was started again after a failure. */
  readonly restarts: number;
}

/** From the thread to its keeper. */
export type ProjectorWord =
  | { readonly kind: "running" }
  | ({ readonly kind: "progress" } & ProjectorProgress)
  | { readonly kind: "incident"; readonly incident: Incident }
  | { readonly kind: "failed"; readonly fault: Fault; readonly wait_ms: number };

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
