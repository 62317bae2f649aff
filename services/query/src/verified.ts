/**
 * Verification of everything that is served: an event's leaf is computed from its stored bytes and must lead to the
 * root that the ledger has for its batch; what is then told of the event comes from these bytes alone.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Batch, type BatchRef, batchId } from "@medtrace/shared/model/batch";
import { leafHash } from "@medtrace/shared/model/merkle";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { ProjectedEvent, Projection, StoredEvent } from "@medtrace/shared/ports/projection";
import { BatchTree } from "./batch-tree.ts";
import { LruMap } from "./lru.ts";
import { project } from "./projector/project.ts";

/** What the bytes of an event say that it can be found by. */
export type Facts = Pick<ProjectedEvent, "institution" | "recipients" | "at" | "facets" | "derivations" | "joins">;

export interface VerifiedEvent {
  readonly state: "verified";
  readonly id: string;
  readonly seq: number;
  readonly ref: BatchRef;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly event: TraceEvent;
  readonly facts: Facts;
}

/** An event of which nothing may be told. */
export interface FailedEvent {
  readonly state: "integrity-failure";
  readonly id: string;
}

export type CheckedEvent = VerifiedEvent | FailedEvent;

/** What was found wrong while serving; without content. */
export interface ServingFailure {
  readonly event: string;
  readonly batch: string;
  readonly reason: string;
  /** How often it was met. */
  readonly count: number;
}

/** Where the ledger has a batch, as its own block says. */
export interface BatchAnchor {
  readonly batch: Batch;
  readonly block: number;
  readonly transaction: string;
}

export interface EventVerifier {
  /**
   * Checks an event against the ledger, and that `expected` holds of what its bytes say (the facet or edge that it was
   * found by).
   *
   * @throws MedtraceError LEDGER_UNAVAILABLE.
   */
  check(stored: StoredEvent, expected?: (facts: Facts) => boolean): Promise<CheckedEvent>;
  /** The tree of a batch with the ledger's word on it; undefined where they differ. */
  tree(ref: BatchRef): Promise<{ readonly batch: Batch; readonly tree: BatchTree } | undefined>;
  /** Where the ledger anchored a batch; undefined where its blocks do not show what the projection says. */
  anchor(ref: BatchRef): Promise<BatchAnchor | undefined>;
  /** Failures met since the start, those of the most recent events, newest last. */
  failures(): readonly ServingFailure[];
  readonly failuresTotal: number;
}

const TREES_BYTES_MAX = 24 * 1_048_576;
/** What an entry costs beside its hashes. */
const ENTRY_BYTES = 512;
const ANCHORS_MAX = 20_000;
const FAILURES_MAX = 100;
const BLOCK_MS_MAX = 5_000;
/** Checks without a pause: about a millisecond. Embedded engines answer at once, and others wait on this thread. */
const CHECKS_A_TURN = 64;

export interface VerifierParts {
  readonly projection: Projection;
  readonly ledger: Ledger;
  readonly onFailure: (failure: ServingFailure) => void;
}

export function createEventVerifier({ projection, ledger, onFailure }: VerifierParts): EventVerifier {
  const trees = new LruMap<{ readonly batch: Batch; readonly tree: BatchTree }>(TREES_BYTES_MAX);
  const anchors = new LruMap<BatchAnchor>(ANCHORS_MAX);
  const failures = new Map<string, ServingFailure>();
  let failuresTotal = 0;
  let checks = 0;

  const treeOf: EventVerifier["tree"] = async (ref) => {
    const key = batchId(ref);
    const known = trees.get(key);
    if (known !== undefined) return known;
    const [batch, nodes] = await Promise.all([ledger.readBatch(ref), projection.tree(ref)]);
    if (batch === undefined || nodes === undefined) return undefined;
    const tree = BatchTree.of(nodes, batch.count, batch.root);
    if (tree === undefined) return undefined;
    const entry = { batch, tree };
    trees.set(key, entry, tree.bytes + ENTRY_BYTES);
    return entry;
  };

  const fail = (stored: StoredEvent, reason: string): FailedEvent => {
    // A tree that was read while the projection was wrong must not outlive its repair.
    trees.delete(batchId(stored.ref));
    const count = (failures.get(stored.id)?.count ?? 0) + 1;
    const failure = { event: stored.id, batch: batchId(stored.ref), reason, count };
    failures.delete(stored.id);
    failures.set(stored.id, failure);
    for (const oldest of failures.keys().take(Math.max(0, failures.size - FAILURES_MAX))) failures.delete(oldest);
    failuresTotal += 1;
    onFailure(failure);
    return { state: "integrity-failure", id: stored.id };
  };

  return {
    tree: treeOf,
    failures: () => [...failures.values()],
    get failuresTotal() {
      return failuresTotal;
    },
    async check(stored, expected = () => true) {
      checks += 1;
      if (checks % CHECKS_A_TURN === 0) await nextTurn();
      const anchored = await treeOf(stored.ref);
      if (anchored === undefined) return fail(stored, "the batch's tree is not the one that the ledger anchored");
      if (!anchored.tree.proves(leafHash(stored.bytes), stored.index)) {
        return fail(stored, "the event is not in the tree that the ledger anchored");
      }
      const read = project(stored.bytes, stored.index, stored.offset);
      if (read === undefined) return fail(stored, "the anchored bytes are no trace event");
      const { event, projected } = read;
      if (event.id !== stored.id) return fail(stored, "the event is kept under another event's id");
      if (projected.at !== stored.at) return fail(stored, "the event is sorted by a time that it does not have");
      if (!expected(projected)) return fail(stored, "the event is not what it was found by");
      const { id, seq, ref, index, bytes } = stored;
      return { state: "verified", id, seq, ref, index, bytes, event, facts: projected };
    },
    async anchor(ref) {
      const key = batchId(ref);
      const known = anchors.get(key);
      if (known !== undefined) return known;
      const [batch, stored] = await Promise.all([ledger.readBatch(ref), projection.batch(ref)]);
      if (batch === undefined || stored === undefined) return undefined;
      const { block, transaction } = stored;
      if (!(await blockHolds(ledger, block, transaction, ref, batch))) return undefined;
      const anchor = { batch, block, transaction };
      anchors.set(key, anchor, 1);
      return anchor;
    },
  };
}

/** Whether the ledger's block has this transaction, and it anchored this very batch. */
async function blockHolds(
  ledger: Ledger,
  block: number,
  transaction: string,
  ref: BatchRef,
  batch: Batch,
): Promise<boolean> {
  if (block >= (await ledger.height())) return false;
  const done = new AbortController();
  try {
    for await (const { number, transactions } of ledger.blocks(
      block,
      AbortSignal.any([done.signal, AbortSignal.timeout(BLOCK_MS_MAX)]),
    )) {
      const anchored = transactions.find(({ id }) => id === transaction)?.anchored;
      return (
        number === block &&
        anchored?.owner === ref.owner &&
        anchored.batch.stream === ref.stream &&
        anchored.batch.sequence === ref.sequence &&
        anchored.batch.root === batch.root
      );
    }
    return false;
  } finally {
    done.abort();
  }
}
