import { ledgerContract } from "@medtrace/shared/ports/ledger.contract";
import type { LedgerStorage } from "@medtrace/shared/ports/ledger.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openLedger } from "../open.ts";
import { provenBatches } from "./testing/proven.ts";

const url = realEngine("ledger");
if (url !== undefined) {
  ledgerContract("Fabric", {
    owners: ["HospitalAMSP", "HospitalBMSP"],
    module: new URL("../open.ts", import.meta.url),
    provenBatches,
    async create(): Promise<LedgerStorage> {
      // A channel keeps what it was given: every test has streams of its own.
      return { url, open: (owner) => openLedger(url, { owner }), [Symbol.asyncDispose]: async () => undefined };
    },
  });
}
