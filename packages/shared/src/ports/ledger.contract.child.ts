/** Anchors batches of a stream from its head on, and says each that was acknowledged. Run by the contract's tests. */
import { writeSync } from "node:fs";
import { hasCode } from "../errors.ts";
import type { ChildOptions } from "./ledger.contract.child-process.ts";
import { batchAfter, lost } from "./ledger.contract.kit.ts";
import type { Ledger } from "./ledger.ts";

const [module = "", url = "", options = "{}"] = process.argv.slice(2);
const { owner, stream, batches_max, contested } = JSON.parse(options) as ChildOptions;
const engine = (await import(module)) as { openLedger(url: string, options: { owner: string }): Promise<Ledger> };
await using ledger = await engine.openLedger(url, { owner });
let head = (await ledger.readHead(owner, stream))?.batch;
for (let anchored = 0; anchored < batches_max; ) {
  const batch = batchAfter(stream, head);
  try {
    await ledger.anchorBatch(batch);
    writeSync(1, `${JSON.stringify(batch)}\n`);
    head = batch;
    anchored += 1;
  } catch (error) {
    if (contested !== true || !(lost(error) || hasCode(error, "LEDGER_UNAVAILABLE"))) throw error;
    head = (await ledger.readHead(owner, stream))?.batch;
  }
}
