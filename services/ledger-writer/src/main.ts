/** The ledger-writer: reads the event log's streams from the ledger's head on, and anchors them in batches. */
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { ledgerWriterSettings } from "./config.ts";
import { startLedgerWriter } from "./run.ts";

const settings = ledgerWriterSettings();
const { engines } = settings;
const log = createLogger({ name: "ledger-writer" });
const eventLog = await openEventLog(engines.eventLogUrl);
const ledger = await openLedger(engines.ledgerUrl, { owner: engines.ledgerOwner });
const writer = await startLedgerWriter({ eventLog, ledger, settings, log });
log.info({ address: writer.url }, "ready");
await runUntilSignal([writer, ledger, eventLog], { log });
