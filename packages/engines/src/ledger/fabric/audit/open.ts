/** A channel, open for an audit by one's own peers. */
import type { AuditedBlock, LedgerAudit } from "../../audit.ts";
import { FabricLedger, type FabricLedgerOptions } from "../ledger.ts";
import { CHECKS, ChannelAudit, TRUSTS } from "./channel.ts";

/** @throws MedtraceError CONFIGURATION */
export async function openChannelAudit(url: string, options: FabricLedgerOptions): Promise<LedgerAudit> {
  const ledger = await FabricLedger.open(url, options);
  const { peers, channel } = ledger.address;
  return {
    ledger,
    source: `channel ${channel} as ${peers.join(", ")} ${peers.length === 1 ? "has" : "have"} it`,
    checks: CHECKS,
    trusts: TRUSTS,
    async *blocks(end, signal): AsyncGenerator<AuditedBlock> {
      if (end < 1) return;
      const audit = new ChannelAudit(ledger.address);
      for await (const followed of ledger.rawBlocks(0, signal)) {
        yield audit.block(followed);
        if (followed.block.number >= end - 1) return;
      }
      signal.throwIfAborted();
    },
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  };
}
