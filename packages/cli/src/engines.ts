/** The engines as commands that check and rebuild need them. */
import { stat } from "node:fs/promises";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { openVault } from "@medtrace/engines/vault/open";
import { type Environment, engineSettings } from "@medtrace/shared/config";
import type { ProjectorLock } from "@medtrace/shared/ports/projection";
import { Failure } from "./failure.ts";
import type { FsckParts } from "./fsck.ts";

/**
 * Opens event log, ledger, projection and vault of the settings; disposing closes all.
 *
 * @param lock where the projection is to be changed.
 * @throws Failure where an embedded data folder is not there: checking must not make an empty one.
 */
export async function openForChecking(env: Environment, lock?: ProjectorLock): Promise<FsckParts & AsyncDisposable> {
  const settings = engineSettings(env);
  if (settings.eventLogUrl.startsWith("embedded:")) {
    await stat(settings.eventLogUrl.slice("embedded:".length)).catch(() => {
      throw new Failure("there is no event log here", {
        at: settings.eventLogUrl,
        hint: "set MEDTRACE_DATA to the data folder of the service",
      });
    });
  }
  await using opened = new AsyncDisposableStack();
  const keys = await openKeyProvider(settings.keysUrl);
  const vault = opened.use(await openVault(settings.vaultUrl, keys));
  const eventLog = opened.use(await openEventLog(settings.eventLogUrl));
  const ledger = opened.use(await openLedger(settings.ledgerUrl, { owner: settings.ledgerOwner }));
  const projection = opened.use(await openProjection(settings.projectionUrl, lock));
  const kept = opened.move();
  return { vault, eventLog, ledger, projection, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
