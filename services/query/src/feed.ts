/**
 * Feed: newly verified events, to everyone who follows. One reader goes along the order of application for all
 * followers, and verifies each event once; those that resume share what they missed as long as it is kept.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Projection, StoredEvent } from "@medtrace/shared/ports/projection";
import { LruMap } from "./lru.ts";
import { sees, type Viewer } from "./scope.ts";
import type { EventVerifier, VerifiedEvent } from "./verified.ts";

export interface Feed extends AsyncDisposable {
  /** Sequence number that the next event to be applied will have. */
  end(): Promise<number>;
  /**
   * Events from `seq` on that the viewer may see, in parts, until the signal aborts or the feed ends. A part that holds
   * no events says that time went by.
   */
  follow(viewer: Viewer, seq: number, signal: AbortSignal): AsyncGenerator<readonly VerifiedEvent[]>;
}

const PERIOD_MS = 250;
const PART_MAX = 200;
const PARTS_KEPT = 8;
/** A part without events is given at least this often. */
const SILENCE_MS_MAX = 15_000;

export function createFeed(projection: Projection, verifier: EventVerifier): Feed {
  const ending = new AbortController();
  /** By the place that they begin at: many who come back at once have missed the same. */
  const parts = new LruMap<Promise<Part>>(PARTS_KEPT);

  const partFrom = (seq: number): Promise<Part> => {
    const key = String(seq);
    const kept = parts.get(key);
    if (kept !== undefined) return kept;
    const part = readPart(projection, verifier, seq);
    parts.set(key, part, 1);
    const forget = (): void => {
      if (parts.get(key) === part) parts.delete(key);
    };
    part.then(({ isWhole }) => (isWhole ? undefined : forget()), forget);
    return part;
  };

  return {
    end: async () => (await projection.counts()).events,
    async *follow(viewer, start, signal) {
      const until = AbortSignal.any([signal, ending.signal]);
      let told_ms = Date.now();
      for (let seq = start; !until.aborted; ) {
        const { events, next } = await partFrom(seq);
        const visible = events.filter(({ facts }) => sees(viewer, facts));
        if (visible.length > 0 || Date.now() - told_ms >= SILENCE_MS_MAX) {
          yield visible;
          told_ms = Date.now();
        }
        if (next === seq) await sleep(PERIOD_MS, undefined, { signal: until, ref: false }).catch(() => undefined);
        seq = next;
      }
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
    },
  };
}

interface Part {
  readonly events: readonly VerifiedEvent[];
  /** There are events, and all of them are as the ledger has them. */
  readonly isWhole: boolean;
  readonly next: number;
}

/** An event that fails verification is not told of; the verifier has counted it. */
async function readPart(projection: Projection, verifier: EventVerifier, seq: number): Promise<Part> {
  const stored: readonly StoredEvent[] = await projection.applied(seq, PART_MAX);
  const events: VerifiedEvent[] = [];
  for (const one of stored) {
    const checked = await verifier.check(one);
    if (checked.state === "verified") events.push(checked);
  }
  const isWhole = events.length > 0 && events.length === stored.length;
  return { events, isWhole, next: (stored.at(-1)?.seq ?? seq - 1) + 1 };
}
