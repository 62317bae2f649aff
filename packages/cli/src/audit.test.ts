import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuditedBlock, LedgerAudit } from "@medtrace/engines/ledger/audit";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchHash } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { batchAfter } from "@medtrace/shared/ports/ledger.contract.kit";
import { Audit, type AuditFinding, type AuditReport } from "./audit.ts";

type Anchored = readonly [owner: string, batch: Batch];

interface Given {
  /** Anchored batches, block by block. */
  readonly blocks: readonly (readonly Anchored[])[];
  /** By default what the blocks make. */
  readonly heads?: readonly Anchored[];
  readonly more?: Partial<AuditedBlock>;
  /** The block at which the chain breaks. */
  readonly broken?: number;
}

/** A ledger that holds just this, whatever the contract would say. */
function ledgerOf({ blocks, heads, more = {}, broken }: Given): LedgerAudit {
  const made = heads ?? [...new Map(blocks.flat().map((one) => [`${one[0]}/${one[1].stream}`, one])).values()];
  const ledger = {
    height: async () => blocks.length,
    listStreams: async () => made.map(([owner, batch]) => ({ owner, stream: batch.stream, batch })),
  } as unknown as Ledger;
  return {
    ledger,
    source: "here",
    checks: [],
    trusts: [],
    async *blocks() {
      for (const [number, anchored] of blocks.entries()) {
        if (number === broken) throw new MedtraceError("INTEGRITY", `block ${number} names another before it`);
        const batches = anchored.map(([owner, batch], i) => ({ owner, batch, transaction: `${number}.${i}` }));
        const hash = `${number}`.repeat(64);
        yield { number, hash, anchored: batches, invalid: [], institutions: undefined, faults: [], ...more };
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function audited(given: Given): Promise<{ findings: AuditFinding[]; report: AuditReport }> {
  const signal = new AbortController().signal;
  const audit = new Audit(ledgerOf(given), { signal, records: undefined, onProgress: () => undefined });
  const findings: AuditFinding[] = [];
  for await (const finding of audit.findings()) findings.push(finding);
  return { findings, report: audit.report() };
}

const chain = (stream: string, length: number): Batch[] => {
  const batches: Batch[] = [];
  while (batches.length < length) batches.push(batchAfter(stream, batches.at(-1)));
  return batches;
};
const [one, two, three] = chain("log-0", 3) as [Batch, Batch, Batch];
const said = (findings: readonly AuditFinding[]): string[] => findings.map(({ at, what }) => `${at}: ${what}`);

describe("an audit of streams", () => {
  test("streams of several institutions are told apart, and each is reported whole", async () => {
    const [a] = chain("log-1", 1) as [Batch];
    const blocks: Anchored[][] = [
      [],
      [["B", one]],
      [
        ["A", one],
        ["A", a],
      ],
      [
        ["A", two],
        ["B", two],
      ],
      [["A", three]],
    ];
    const { findings, report } = await audited({ blocks });
    assert.deepEqual(findings, []);
    assert.deepEqual([report.blocks, report.batches], [5, 6]);
    assert.deepEqual(
      report.streams.map(({ institution, stream, batches, records, first, end, firstBlock, lastBlock, head }) => ({
        name: `${institution}/${stream}`,
        batches,
        records,
        range: [first, end],
        blocks: [firstBlock, lastBlock],
        head,
      })),
      [
        { name: "A/log-0", batches: 3, records: 30, range: [0, 30], blocks: [2, 4], head: batchHash(three) },
        { name: "A/log-1", batches: 1, records: 10, range: [0, 10], blocks: [2, 2], head: batchHash(a) },
        { name: "B/log-0", batches: 2, records: 20, range: [0, 20], blocks: [1, 3], head: batchHash(two) },
      ],
    );
  });

  test("a gap, an overlap, a fork, a missing batch and one that comes twice are each found, and named", async () => {
    const gap = { ...two, first: 12, end: 22 };
    const overlap = { ...two, first: 8 };
    const fork = { ...two, previous: "f".repeat(64) };
    for (const [batches, says] of [
      [[one, gap], /block 1, batch A:log-0:1: leaves a gap: 10 to 12/],
      [[one, overlap], /overlaps the one before: 8 to 10/],
      [[one, fork], /does not name the batch before it/],
      [[one, three], /has sequence 2, where 1 comes next/],
      [[one, two, two], /block 2, batch A:log-0:1: has sequence 1, where 2 comes next/],
      [[two], /has sequence 1, where 0 comes next/],
    ] as const) {
      const { findings, report } = await audited({ blocks: batches.map((batch) => [["A", batch]]) });
      assert.match(said(findings).join("\n"), says);
      assert.equal(report.streams[0]?.findings, findings.length);
    }
  });

  test("a head that the blocks did not make is found, in every way that it can differ", async () => {
    const blocks: Anchored[][] = [[["A", one]], [["A", two]]];
    for (const [heads, says] of [
      [[["A", { ...two, root: "e".repeat(64) }]], /block 1, batch A:log-0:1: the world state's head is another batch/],
      [[["A", one]], /block 1, .*the world state does not have it/],
      [[], /the world state does not have it/],
      [[["A", three]], /stream A\/log-0: no block anchored its head, batch 2/],
      [
        [
          ["A", two],
          ["B", one],
        ],
        /stream B\/log-0: no block anchored its head, batch 0/,
      ],
    ] as readonly (readonly [Anchored[], RegExp])[]) {
      assert.match(said((await audited({ blocks, heads })).findings).join("\n"), says);
    }
  });

  test("what is wrong with a block is told with its number; where the chain breaks, nothing after it is believed", async () => {
    const blocks: Anchored[][] = [[["A", one]], [["A", two]]];
    const faulty = await audited({ blocks: [blocks[0] as Anchored[]], more: { faults: ["no orderer signed it"] } });
    assert.deepEqual(faulty.findings, [{ part: "block", at: "block 0", what: "no orderer signed it" }]);
    const broken = await audited({ blocks, broken: 1 });
    assert.match(said(broken.findings).join("\n"), /^block 1: block 1 names another before it; nothing from here on/);
    assert.equal(broken.report.blocks, 1);
  });
});
