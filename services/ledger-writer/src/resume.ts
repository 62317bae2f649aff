/** Where a stream goes on: at the ledger's head, and only on the very log that the head was made from. */

import { MedtraceError } from "@medtrace/shared/errors";
import { rangeLeaves } from "@medtrace/shared/log-range";
import type { Batch } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";

/**
 * The stream's last batch on the ledger, once the log was seen to hold exactly the range that it anchors.
 *
 * @throws MedtraceError INTEGRITY when the log ends before the head, or holds other records in the head's range (it
 * was truncated, or recreated): going on would anchor a second history.
 */
export async function resumeHead(
  log: EventLog,
  ledger: Ledger,
  stream: string,
  partition: number,
): Promise<Batch | undefined> {
  const head = (await ledger.readHead(ledger.owner, stream))?.batch;
  if (head === undefined) return undefined;
  const range = (await log.ranges())[partition];
  if (range === undefined || range.end < head.end) {
    throw new MedtraceError(
      "INTEGRITY",
      `stream ${stream}: the log ends at ${range?.end ?? "nothing"}, before the ledger's head at ${head.end}`,
      { hint: "restore the event log that this ledger was made from; see docs/runbooks/stream-stopped.md" },
    );
  }
  const leaves = await rangeLeaves(log, partition, head.first, head.end);
  if (leaves.length !== head.count || hex(merkleRoot(leaves)) !== head.root) {
    throw new MedtraceError(
      "INTEGRITY",
      `stream ${stream}: the log's records ${head.first} to ${head.end} are not those that batch ${head.sequence} anchors`,
      { hint: "this log was changed or recreated; see docs/runbooks/stream-stopped.md" },
    );
  }
  return head;
}
