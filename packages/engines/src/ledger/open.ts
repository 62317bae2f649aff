/** Ledger engines by URL; each is loaded only where it is asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import { OWNER_PATTERN } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";

export interface LedgerOptions {
  /** MSP id that batches are anchored as. */
  readonly owner: string;
}

/**
 * Opens a ledger: `embedded:FOLDER`, or `fabric://host:port[,host:port…]/channel/chaincode`.
 *
 * @throws MedtraceError CONFIGURATION for another scheme or an owner that is no MSP id; otherwise as the engine does.
 */
export async function openLedger(url: string, options: LedgerOptions): Promise<Ledger> {
  if (!OWNER_PATTERN.test(options.owner)) {
    throw new MedtraceError("CONFIGURATION", "a ledger's owner is 1 to 64 of A-Z a-z 0-9 . _ -", {
      at: "LEDGER_OWNER",
    });
  }
  if (url.startsWith("fabric:")) {
    const { FabricLedger } = await import("./fabric/ledger.ts");
    return FabricLedger.open(url, options);
  }
  const folder = url.startsWith("embedded:") ? url.slice("embedded:".length) : "";
  if (folder === "") {
    throw new MedtraceError(
      "CONFIGURATION",
      "a ledger's URL is embedded:FOLDER or fabric://HOST:PORT/CHANNEL/CHAINCODE",
      {
        at: "LEDGER_URL",
      },
    );
  }
  const { EmbeddedLedger } = await import("./embedded/ledger.ts");
  return EmbeddedLedger.open(folder, options);
}
