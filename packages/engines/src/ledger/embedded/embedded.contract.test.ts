import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ledgerContract } from "@medtrace/shared/ports/ledger.contract";
import type { LedgerStorage } from "@medtrace/shared/ports/ledger.contract.kit";
import { openLedger } from "../open.ts";

ledgerContract("embedded", {
  // As keys in the world state, "RegionMSP-B/" sorts before "RegionMSP/"; as owners they do not.
  owners: ["RegionMSP", "RegionMSP-B"],
  module: new URL("../open.ts", import.meta.url),
  async create(): Promise<LedgerStorage> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-ledger-"));
    const url = `embedded:${folder}`;
    return {
      url,
      open: (owner) => openLedger(url, { owner }),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
