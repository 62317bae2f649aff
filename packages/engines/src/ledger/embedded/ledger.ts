/**
 * The embedded ledger: the contract hosted on one SQLite file. Its blocks are chained by hash, kept in an RFC 6962
 * tree, and every block comes with a signed checkpoint over all of them. Any number of processes and threads may
 * have it open at once.
 */
import type { DatabaseSync } from "node:sqlite";
import type { QueryContext } from "@medtrace/chaincode/context";
import { listStreams, readBatch, readHead } from "@medtrace/chaincode/contract";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, type BatchRef, batchHash, batchId } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import { formatVerifierKey } from "@medtrace/shared/model/checkpoint";
import type { LedgerProof } from "@medtrace/shared/model/evidence";
import type { Anchor, Ledger, LedgerBlock, StreamHead } from "@medtrace/shared/ports/ledger";
import { Wakeup } from "../../wakeup.ts";
import { checkLedger } from "./check.ts";
import {
  asMedtraceError,
  type DatabaseOptions,
  inWriteTransaction,
  isMade,
  makeTables,
  openDatabase,
  openReader,
  schemaFaults,
} from "./database.ts";
import { followBlocks } from "./follow.ts";
import { GroupCommit } from "./group-commit.ts";
import { makeSigningKey, publishVerifierKey, readSigningKey } from "./signing-key.ts";
import { Store } from "./store.ts";
import { consistencyPathOf } from "./tree.ts";

/** How soon a block of another process or thread is seen. */
const POLL_MS = 25;
const PROVE_REFS_MAX = 10_000;

export interface EmbeddedLedgerOptions extends DatabaseOptions {
  /** MSP id that batches are anchored as. */
  readonly owner: string;
}

export class EmbeddedLedger implements Ledger {
  readonly owner: string;
  readonly #folder: string;
  readonly #store: Store;
  readonly #commits: GroupCommit;
  readonly #wakeup = new Wakeup();
  readonly #context: QueryContext;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  private constructor(folder: string, store: Store, owner: string) {
    this.owner = owner;
    this.#folder = folder;
    this.#store = store;
    this.#commits = new GroupCommit(store, owner, () => this.#wakeup.wake());
    this.#context = {
      getState: async (key) => store.state(key),
      async *list(prefix) {
        yield* store.stateEntries(prefix);
      },
    };
  }

  /**
   * Opens the ledger in a folder; it is made, with a key of its own, where there is none.
   *
   * @throws MedtraceError INTEGRITY where the last block is not the one under the last checkpoint, or the key or the
   * blocks are gone; STORAGE_FAILED; CONFIGURATION for a ledger of another version.
   */
  static async open(folder: string, options: EmbeddedLedgerOptions): Promise<EmbeddedLedger> {
    let db: DatabaseSync | undefined;
    try {
      db = openDatabase(folder, options);
      const made = db;
      if (!isMade(made)) await inWriteTransaction(made, () => makeLedger(folder, made));
      const key = readSigningKey(folder);
      publishVerifierKey(folder, key.verifier);
      const [fault] = schemaFaults(made);
      if (fault !== undefined) throw new MedtraceError("INTEGRITY", `the ledger's file was changed: ${fault}`);
      const store = new Store(made, key);
      store.verifyHead();
      return new EmbeddedLedger(folder, store, options.owner);
    } catch (error) {
      db?.close();
      throw asMedtraceError(error);
    }
  }

  async anchorBatch(batch: Batch): Promise<Anchor> {
    return this.#use(() => this.#commits.anchor(batch));
  }

  async readBatch(ref: BatchRef): Promise<Batch | undefined> {
    return this.#use(async () => (await readBatch(this.#context, ref))?.batch);
  }

  async readHead(owner: string, stream: string): Promise<StreamHead | undefined> {
    return this.#use(async () => {
      const entry = await readHead(this.#context, owner, stream);
      return entry === undefined ? undefined : { owner, stream, batch: entry.batch };
    });
  }

  async listStreams(): Promise<readonly StreamHead[]> {
    return this.#use(async () =>
      (await listStreams(this.#context)).map(({ owner, batch }) => ({ owner, stream: batch.stream, batch })),
    );
  }

  async height(): Promise<number> {
    return this.#use(async () => this.#store.height());
  }

  async *blocks(number: number, signal: AbortSignal): AsyncGenerator<LedgerBlock> {
    const until = AbortSignal.any([signal, this.#closing.signal]);
    const more = (): Promise<void> => this.#wakeup.wait(POLL_MS, until);
    this.#refuseClosed();
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new MedtraceError("INPUT_INVALID", "blocks are numbered 0, 1, 2 and so on");
    }
    try {
      yield* followBlocks(this.#store, number, until, more);
    } catch (error) {
      throw asMedtraceError(error);
    }
    if (!signal.aborted) this.#refuseClosed();
  }

  async prove(refs: readonly BatchRef[]): Promise<LedgerProof> {
    return this.#use(async () => {
      if (refs.length < 1) throw new MedtraceError("INPUT_INVALID", "a proof is of one batch at least");
      if (refs.length > PROVE_REFS_MAX) {
        throw new MedtraceError("INPUT_TOO_LARGE", `a proof is of ${PROVE_REFS_MAX} batches at most`);
      }
      const wanted = new Map<number, { readonly ref: BatchRef; readonly hash: string }[]>();
      for (const ref of refs) {
        const { block, batch } = await this.#find(ref);
        wanted.set(block, [...(wanted.get(block) ?? []), { ref, hash: batchHash(batch) }]);
      }
      return this.#proveBlocks(wanted);
    });
  }

  async #find(ref: BatchRef): Promise<{ readonly block: number; readonly batch: Batch }> {
    const entry = await readBatch(this.#context, ref);
    const block = entry === undefined ? undefined : this.#store.blockOf(entry.transaction);
    if (entry !== undefined && block !== undefined) return { block, batch: entry.batch };
    throw new MedtraceError("NOT_FOUND", "this batch is not anchored", { at: batchId(ref) });
  }

  #proveBlocks(wanted: ReadonlyMap<number, readonly { readonly ref: BatchRef; readonly hash: string }[]>): LedgerProof {
    const head = this.#store.block(this.#store.height() - 1);
    const checkpoint = this.#store.checkpointOf(head);
    const blocks = [...wanted]
      .sort(([a], [b]) => a - b)
      .map(([number, batches]) => {
        const { text, path, block } = this.#store.prove(this.#store.block(number), checkpoint);
        const held = new Set(block.transactions.map(({ owner, batch }) => `${owner} ${batchHash(batch)}`));
        const missing = batches.find(({ ref, hash }) => !held.has(`${ref.owner} ${hash}`));
        if (missing !== undefined) {
          throw new MedtraceError("INTEGRITY", `block ${number} does not hold what the world state says of it`, {
            at: batchId(missing.ref),
            hint: "run fsck; restore the ledger's folder from a backup",
          });
        }
        return { block: text, path: path.map(hex) };
      });
    return { kind: "embedded", checkpoint: head.checkpoint, key: formatVerifierKey(this.#store.key.verifier), blocks };
  }

  /**
   * Consistency proof (RFC 6962 section 2.1.2), hex: that the first `size1` blocks of the tree of `size2` blocks are
   * those of the tree of `size1`. For whoever kept an older checkpoint.
   *
   * @throws MedtraceError NOT_FOUND unless 1 <= size1 <= size2 <= height.
   */
  async proveConsistency(size1: number, size2: number): Promise<readonly string[]> {
    return this.#use(async () => {
      const sizes = [1, size1, size2, this.#store.height()];
      if (!sizes.every(Number.isSafeInteger) || sizes.some((size, i) => i > 0 && size < (sizes[i - 1] as number))) {
        throw new MedtraceError("NOT_FOUND", `the ledger has not had the sizes ${size1} and ${size2} in this order`);
      }
      return consistencyPathOf(size1, size2, this.#store.node).map(hex);
    });
  }

  async trustAnchor(): Promise<string> {
    return this.#use(async () => formatVerifierKey(this.#store.key.verifier));
  }

  async *check(signal: AbortSignal): AsyncGenerator<string> {
    this.#refuseClosed();
    // A connection of its own: it holds one snapshot for as long as checking takes.
    let reader: DatabaseSync | undefined;
    try {
      reader = openReader(this.#folder);
      yield* checkLedger(new Store(reader, this.#store.key), this.#folder, signal);
    } catch (error) {
      throw asMedtraceError(error);
    } finally {
      reader?.close();
    }
  }

  async ping(): Promise<void> {
    await this.height();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.#commits.drained().then(() => this.#store.db.close());
    await this.#closed;
  }

  async #use<T>(action: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    try {
      return await action();
    } catch (error) {
      throw asMedtraceError(error);
    }
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new MedtraceError("LEDGER_UNAVAILABLE", "this ledger was closed");
  }
}

function makeLedger(folder: string, db: DatabaseSync): void {
  // Another process may have made it while this one waited for the lock.
  if (isMade(db)) return;
  makeSigningKey(folder);
  makeTables(db);
}
