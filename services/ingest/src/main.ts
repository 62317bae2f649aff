/** Ingest: takes HL7 v2 and FHIR messages, normalises and seals them, and acknowledges what the event log holds. */
import { openCache } from "@medtrace/engines/cache/open";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { ingestSettings } from "./config.ts";
import { startIngest } from "./run.ts";

const settings = ingestSettings();
const { engines } = settings;
const log = createLogger({ name: "ingest" });
const keys = await openKeyProvider(engines.keysUrl);
const vault = await openVault(engines.vaultUrl, keys);
const eventLog = await openEventLog(engines.eventLogUrl);
const cache = await openCache(engines.cacheUrl, { log });
const ingest = await startIngest({ eventLog, vault, keys, cache, settings, log });
log.info({ address: ingest.url, mllp: ingest.mllp, syslog: ingest.syslog }, "ready");
await runUntilSignal([ingest, eventLog, vault, cache], { log });
