/** A process of its own that anchors batches; see ledger.contract.child.ts. */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Batch } from "../model/batch.ts";
import { HANGS_MS, type LedgerHarness, type LedgerStorage } from "./ledger.contract.kit.ts";

export interface ChildOptions {
  readonly owner: string;
  readonly stream: string;
  readonly batches_max: number;
  /** Others write the stream too: a lost place is tried again after the new head. */
  readonly contested?: boolean;
}

/** Batches that a child process had acknowledged. It is killed once it has said `killAfter` of them, if given. */
export async function runChild(
  harness: LedgerHarness,
  storage: LedgerStorage,
  options: ChildOptions,
  killAfter?: number,
): Promise<Batch[]> {
  const script = new URL("./ledger.contract.child.ts", import.meta.url).pathname;
  const args = [script, harness.module.href, storage.url, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const hangs = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  const acknowledged: Batch[] = [];
  let rest = "";
  try {
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      acknowledged.push(...lines.map((line) => JSON.parse(line) as Batch));
      if (acknowledged.length >= (killAfter ?? Number.POSITIVE_INFINITY)) child.kill("SIGKILL");
    }
  } finally {
    clearTimeout(hangs);
    child.kill("SIGKILL");
  }
  const [code, signal] = (await exited) as [number | null, string | null];
  if (killAfter === undefined) assert.deepEqual([code, signal], [0, null]);
  return acknowledged;
}
