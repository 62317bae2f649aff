/** Query: projects what the ledger anchored, checks every event again, and answers lineage with proofs. */
import { openCache } from "@medtrace/engines/cache/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { openVault } from "@medtrace/engines/vault/open";
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { querySettings } from "./config.ts";
import { type ProjectorStatus, STARTING } from "./projector/status.ts";
import { startProjectorThread } from "./projector/thread.ts";
import { startQuery } from "./run.ts";

const settings = querySettings();
const { engines } = settings;
const log = createLogger({ name: "query" });
const keys = await openKeyProvider(engines.keysUrl);
const vault = await openVault(engines.vaultUrl, keys);
const ledger = await openLedger(engines.ledgerUrl, { owner: engines.ledgerOwner });
const projection = await openProjection(engines.projectionUrl);
const cache = await openCache(engines.cacheUrl, { log });
const projector = settings.projects ? startProjectorThread(engines, log) : undefined;
const projectorStatus = (): ProjectorStatus => projector?.status() ?? { ...STARTING, state: "elsewhere" };
const query = await startQuery({ projection, ledger, vault, cache, keys, projectorStatus, settings, log });
log.info({ address: query.url }, "ready");
await runUntilSignal([query, ...(projector === undefined ? [] : [projector]), cache, projection, ledger, vault], {
  log,
});
