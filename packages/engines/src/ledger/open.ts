/** Ledger engines by URL; each is loaded only where it is asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import { OWNER_PATTERN } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { LedgerAudit } from "./audit.ts";

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
  const folder = folderOf(url, options);
  if (folder === undefined) {
    const { FabricLedger } = await import("./fabric/ledger.ts");
    return FabricLedger.open(url, options);
  }
  const { EmbeddedLedger } = await import("./embedded/ledger.ts");
  return EmbeddedLedger.open(folder, options);
}

/**
 * Opens a ledger for an audit, as `options.owner` and by the peers that the URL names.
 *
 * @throws MedtraceError as {@link openLedger}; NOT_FOUND where there is no embedded ledger.
 */
export async function openLedgerAudit(url: string, options: LedgerOptions): Promise<LedgerAudit> {
  const folder = folderOf(url, options);
  if (folder === undefined) {
    const { openChannelAudit } = await import("./fabric/audit/open.ts");
    return openChannelAudit(url, options);
  }
  const { openEmbeddedAudit } = await import("./embedded/audit.ts");
  return openEmbeddedAudit(folder, options);
}

/** The folder of an embedded ledger; undefined for a Fabric channel. */
function folderOf(url: string, { owner }: LedgerOptions): string | undefined {
  if (!OWNER_PATTERN.test(owner)) {
    throw new MedtraceError("CONFIGURATION", "a ledger's owner is 1 to 64 of A-Z a-z 0-9 . _ -", {
      at: "LEDGER_OWNER",
    });
  }
  if (url.startsWith("fabric:")) return undefined;
  const folder = url.startsWith("embedded:") ? url.slice("embedded:".length) : "";
  if (folder !== "") return folder;
  throw new MedtraceError(
    "CONFIGURATION",
    "a ledger's URL is embedded:FOLDER or fabric://HOST:PORT/CHANNEL/CHAINCODE",
    { at: "LEDGER_URL" },
  );
}
