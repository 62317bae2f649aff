/** The embedded start: every service in one process over one data folder. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "@medtrace/engines/cache/open";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { openVault } from "@medtrace/engines/vault/open";
import { ingestSettings } from "@medtrace/ingest/config";
import { startIngest } from "@medtrace/ingest/run";
import { ledgerWriterSettings } from "@medtrace/ledger-writer/config";
import { startLedgerWriter } from "@medtrace/ledger-writer/run";
import { querySettings } from "@medtrace/query/config";
import { startProjectorThread } from "@medtrace/query/projector/thread";
import { startQuery } from "@medtrace/query/run";
import { openIssuer } from "@medtrace/service-kit/issuer";
import type { Logger } from "@medtrace/service-kit/log";
import type { Environment } from "@medtrace/shared/config";
import { takeFolderLock } from "./folder-lock.ts";

/** Where a started medtrace is. */
export interface Places {
  readonly data: string;
  readonly ingest: string;
  readonly mllp: string;
  /** Undefined where it is off. */
  readonly syslog: string | undefined;
  readonly ledgerWriter: string;
  readonly query: string;
  /** In the order in which they must be disposed of: what takes work in first, what stores it last. */
  readonly services: readonly AsyncDisposable[];
}

/**
 * Opens the engines and starts ingest, ledger-writer, projector and query. What was started is disposed of again where
 * one of them fails to start.
 *
 * @throws MedtraceError CONFIGURATION, LOCKED (another process holds the data folder), or INTEGRITY.
 */
export async function startEmbedded(env: Environment, logOf: (service: string) => Logger): Promise<Places> {
  const settings = { ingest: ingestSettings(env), writer: ledgerWriterSettings(env), query: querySettings(env) };
  const { engines, auth } = settings.ingest;
  await mkdir(engines.data, { recursive: true, mode: 0o700 });
  // Disposed of in reverse: the folder's lock goes last.
  const opened: AsyncDisposable[] = [];
  const open = async <T extends AsyncDisposable>(opening: T | Promise<T>): Promise<T> => {
    const thing = await opening;
    opened.unshift(thing);
    return thing;
  };
  try {
    await open(takeFolderLock(join(engines.data, "medtrace.lock")));
    await openIssuer({ data: engines.data, ...auth });
    const keys = await openKeyProvider(engines.keysUrl);
    const vault = await open(openVault(engines.vaultUrl, keys));
    const eventLog = await open(openEventLog(engines.eventLogUrl, { tail: true }));
    const ledger = await open(openLedger(engines.ledgerUrl, { owner: engines.ledgerOwner }));
    const projection = await open(openProjection(engines.projectionUrl));
    const cache = await open(openCache(engines.cacheUrl, { log: logOf("query") }));

    const projector = await open(startProjectorThread(engines, logOf("projector")));
    const writer = await open(
      startLedgerWriter({ eventLog, ledger, settings: settings.writer, log: logOf("ledger-writer") }),
    );
    const ingest = await open(
      startIngest({ eventLog, vault, keys, cache, settings: settings.ingest, log: logOf("ingest") }),
    );
    const query = await open(
      startQuery({
        projection,
        ledger,
        vault,
        cache,
        keys,
        projectorStatus: () => projector.status(),
        settings: { ...settings.query, ingestUrl: ingest.url },
        log: logOf("query"),
      }),
    );
    const { url } = query;
    return {
      data: engines.data,
      ingest: ingest.url,
      mllp: ingest.mllp,
      syslog: ingest.syslog,
      ledgerWriter: writer.url,
      query: url,
      services: opened,
    };
  } catch (error) {
    for (const thing of opened) await thing[Symbol.asyncDispose]();
    throw error;
  }
}
