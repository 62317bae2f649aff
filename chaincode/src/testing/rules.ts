/**
 * What the contract promises wherever it runs: transactions that are endorsed on one state and ordered on another, in any
 * order and any number of times, leave every stream one chain. One suite, over the model of a world state and over peers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Batch, type BatchRef, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { sha256Hex } from "@medtrace/shared/model/bytes";
import fc from "fast-check";
import type { Verdict } from "./world-state.ts";

/** A place where the contract runs; T is what it endorses. */
export interface RulesHost<T> extends AsyncDisposable {
  /** Two that may submit. */
  readonly owners: readonly [string, string];
  /** The name of a stream that nothing has used. */
  newStream(): string;
  /** The transaction that would anchor the batch; undefined where the contract refuses it. */
  endorse(owner: string, batch: Batch): Promise<T | undefined>;
  /** Orders these transactions one after another, and tells what became of each. */
  order(transactions: readonly T[]): Promise<readonly Verdict[]>;
  readBatch(ref: BatchRef): Promise<Batch | undefined>;
  readHead(owner: string, stream: string): Promise<Batch | undefined>;
}

export interface RulesOptions<T> {
  readonly open: () => Promise<RulesHost<T>>;
  readonly runs: number;
  readonly steps: number;
}

/** One transaction to endorse, or (`order`) all that wait to order. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("endorse" as const),
      owner: fc.nat({ max: 1 }),
      stream: fc.nat({ max: 1 }),
      batch: fc.constantFrom("next", "next", "next", "again", "gap", "overlap", "skip", "fork"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("order" as const), twice: fc.boolean(), turned: fc.boolean() }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Waiting<T> {
  readonly transaction: T;
  readonly chain: Batch[];
  readonly batch: Batch;
  /** How long the chain was when this was endorsed. */
  readonly length: number;
}

/** What a run has done, beside what the rules say of it. */
class Run<T> {
  readonly #host: RulesHost<T>;
  readonly #streams: readonly string[];
  readonly #chains: Map<string, Batch[]> = new Map();
  #waiting: Waiting<T>[] = [];
  #made = 0;

  constructor(host: RulesHost<T>) {
    this.#host = host;
    this.#streams = [host.newStream(), host.newStream()];
  }

  async take(next: Step): Promise<void> {
    if (next.kind === "order") await this.#order(next.twice, next.turned);
    else await this.#endorse(next);
  }

  async #endorse({ owner, stream, batch: kind }: Extract<Step, { kind: "endorse" }>): Promise<void> {
    const [submitter, name] = [this.#host.owners[owner] as string, this.#streams[stream] as string];
    const key = `${submitter}/${name}`;
    const chain = this.#chains.get(key) ?? [];
    this.#chains.set(key, chain);
    const batch = this.#batch(kind, name, chain);
    const transaction = await this.#host.endorse(submitter, batch);
    const isKnown = chain.some((one) => batchHash(one) === batchHash(batch));
    assert.equal(transaction !== undefined, isKnown || follows(chain.at(-1), batch), `${kind} on ${chain.length}`);
    if (transaction !== undefined) this.#waiting.push({ transaction, chain, batch, length: chain.length });
  }

  /** Each with a root of its own, so that two on one head are two. */
  #batch(kind: string, stream: string, chain: readonly Batch[]): Batch {
    const head = chain.at(-1);
    const known = chain[Math.floor(chain.length / 2)];
    if (kind === "again" && known !== undefined) return known;
    const first = head?.end ?? 0;
    const previous = head === undefined ? NO_BATCH : batchHash(head);
    const root = sha256Hex(`${stream} ${this.#made++}`);
    const next: Batch = { format: 1, stream, sequence: chain.length, first, end: first + 5, count: 5, root, previous };
    if (head === undefined) return next;
    if (kind === "gap") return { ...next, first: first + 1, end: first + 6 };
    if (kind === "overlap") return { ...next, first: first - 1 };
    if (kind === "skip") return { ...next, sequence: chain.length + 1 };
    return kind === "fork" ? { ...next, previous: sha256Hex("another") } : next;
  }

  /** A transaction counts exactly if its stream's head is the one that it was endorsed on, and its id is new. */
  async #order(twice: boolean, turned: boolean): Promise<void> {
    const waiting = turned ? this.#waiting.toReversed() : this.#waiting;
    this.#waiting = [];
    const ordered = twice ? [...waiting, ...waiting] : waiting;
    const expected: Verdict[] = [];
    for (const [i, { chain, batch, length }] of ordered.entries()) {
      const isAgain = i >= waiting.length;
      expected.push(isAgain ? "duplicate" : chain.length === length ? "valid" : "conflict");
      if (expected.at(-1) === "valid" && follows(chain.at(-1), batch)) chain.push(batch);
    }
    assert.deepEqual(await this.#host.order(ordered.map(({ transaction }) => transaction)), expected);
  }

  /** Every stream is the chain of what counted, and the contract reads it so. */
  async check(): Promise<void> {
    await this.#order(false, false);
    for (const [key, chain] of this.#chains) {
      const [owner, stream] = key.split("/") as [string, string];
      assert.deepEqual(await this.#host.readHead(owner, stream), chain.at(-1));
      for (let sequence = 0; sequence <= chain.length; sequence++) {
        assert.deepEqual(await this.#host.readBatch({ owner, stream, sequence }), chain[sequence]);
      }
    }
  }
}

function follows(head: Batch | undefined, batch: Batch): boolean {
  if (head === undefined) return batch.sequence === 0 && batch.previous === NO_BATCH;
  const isNext = batch.sequence === head.sequence + 1 && batch.first === head.end;
  return isNext && batch.previous === batchHash(head);
}

/** Declares the suite. */
export function contractRules<T>(name: string, { open, runs, steps }: RulesOptions<T>): void {
  test(`${name}: whatever is endorsed on whichever head, ordered late, turned round or twice, streams stay chains`, async () => {
    await using host = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: steps }), async (taken) => {
        const run = new Run(host);
        for (const one of taken) await run.take(one);
        await run.check();
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test(`${name}: of many batches endorsed on one head one counts, whichever comes first`, async () => {
    await using host = await open();
    const [owner] = host.owners;
    const stream = host.newStream();
    const first = { format: 1, stream, sequence: 0, first: 0, end: 5, count: 5, previous: NO_BATCH } as const;
    const batches = Array.from({ length: 5 }, (_, i) => ({ ...first, root: sha256Hex(`${stream} ${i}`) }));
    const endorsed: T[] = [];
    for (const batch of batches) endorsed.push((await host.endorse(owner, batch)) as T);
    assert.deepEqual(await host.order(endorsed.toReversed()), [
      "valid",
      ...Array.from({ length: 4 }, () => "conflict"),
    ]);
    assert.deepEqual(await host.readHead(owner, stream), batches.at(-1));
    assert.equal(await host.endorse(owner, batches[0] as Batch), undefined);
  });
}
