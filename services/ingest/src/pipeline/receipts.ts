/** Receipts follow the event log: at start, what a killed process appended but did not note is read back. */
import { rangeEntries } from "@medtrace/shared/log-range";
import { HASH_PATTERN } from "@medtrace/shared/model/batch";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import type { EventLog, LogEntry } from "@medtrace/shared/ports/event-log";
import type { Receipt, Vault } from "@medtrace/shared/ports/vault";

const DIGEST_PATTERN = /^hmac-sha256:[0-9a-f]{64}$/;

/** Notes every log record past the vault's watermarks; resolves with how many there were. */
export async function catchUpReceipts(log: EventLog, vault: Vault): Promise<number> {
  const watermarks = await vault.watermarks();
  let noted = 0;
  for (const range of await log.ranges()) {
    const covered = Math.max(watermarks.get(range.partition) ?? range.first, range.first);
    for await (const entries of rangeEntries(log, range.partition, covered, range.end)) {
      const end = (entries.at(-1)?.offset ?? covered) + 1;
      await vault.remember(entries.flatMap(receiptOf), new Map([[range.partition, end]]));
      noted += entries.length;
    }
  }
  return noted;
}

/** The receipt of a log record; none where its bytes are not a trace event that ingest could have written. */
function receiptOf(entry: LogEntry): Receipt[] {
  try {
    const event = JSON.parse(fromUtf8(entry.value)) as {
      id?: unknown;
      institution?: unknown;
      source?: { digest?: unknown };
    };
    const { id, institution } = event;
    const digest = event.source?.digest;
    if (typeof id !== "string" || !HASH_PATTERN.test(id) || typeof institution !== "string") return [];
    if (typeof digest !== "string" || !DIGEST_PATTERN.test(digest)) return [];
    return [{ id, digest, institution, partition: entry.partition, offset: entry.offset }];
  } catch {
    return [];
  }
}
