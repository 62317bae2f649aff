/** `medtrace audit`: the whole ledger, read by whoever supervises those who write it. */
import { stat } from "node:fs/promises";
import { openEventLog } from "@medtrace/engines/event-log/open";
import type { LedgerAudit } from "@medtrace/engines/ledger/audit";
import { openLedgerAudit } from "@medtrace/engines/ledger/open";
import { engineSettings } from "@medtrace/shared/config";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { Audit, type AuditFinding, type AuditReport, type RecordsOf, type StreamReport } from "../audit.ts";
import { type AddCommand, type Cli, type CommonOptions, describe, ending } from "../cli.ts";
import { EXIT_NO, EXIT_OK, Failure, printable } from "../failure.ts";
import { createBar } from "../progress.ts";

interface Options extends CommonOptions {
  readonly recordsOf?: string;
}

/** Between two lines of progress where nobody watches. */
const TELL_MS = 10_000;

export const addAudit: AddCommand = (program, cli) => {
  describe(program, {
    usage: "audit",
    summary: "check the whole ledger, every institution's streams, from block 0",
    description:
      "Reads the ledger that LEDGER_URL names as LEDGER_OWNER, which needs no more than read access: a supervisor gives\n" +
      "its own peer alone. Checks every block, every signature and majority behind an anchored batch, every stream for\n" +
      "gaps, overlaps and forks, and the heads that the world state holds. Where EVENT_LOG_URL names the event log of\n" +
      "LEDGER_OWNER, or of --records-of, every batch of it is recomputed from its records too.",
    examples: [
      "medtrace audit",
      "LEDGER_URL=fabric://peer.supervisor:7051/medtrace/medtrace LEDGER_OWNER=SupervisorMSP medtrace audit --json",
      "EVENT_LOG_URL=kafka://log:9092/events medtrace audit --records-of HospitalAMSP",
    ],
    exits: "0 sound, 1 something is not (each finding is told), 2 could not be checked",
  })
    .option(
      "--records-of <institution>",
      "MSP id of the institution whose event log EVENT_LOG_URL is, by default LEDGER_OWNER",
    )
    .action(
      ending(async (options: Options) => {
        const { ledgerUrl, ledgerOwner } = engineSettings(cli.env);
        await using stack = new AsyncDisposableStack();
        const owner = options.recordsOf ?? (cli.env["EVENT_LOG_URL"] ? ledgerOwner : undefined);
        const records = owner === undefined ? undefined : { eventLog: stack.use(await openRecords(cli)), owner };
        const ledger = stack.use(await openLedgerAudit(ledgerUrl, { owner: ledgerOwner }));
        return await run(cli, ledger, records, options.json === true);
      }),
    );
};

async function openRecords(cli: Cli): Promise<EventLog> {
  if (!cli.env["EVENT_LOG_URL"]) {
    throw new Failure("there is no event log to read records of", {
      at: "EVENT_LOG_URL",
      hint: "set it, or leave out --records-of",
    });
  }
  const { eventLogUrl } = engineSettings(cli.env);
  const folder = eventLogUrl.startsWith("embedded:") ? eventLogUrl.slice("embedded:".length) : undefined;
  if (folder !== undefined) {
    // Looking must not make one.
    await stat(folder).catch(() => {
      throw new Failure("there is no event log here", { at: folder });
    });
  }
  return openEventLog(eventLogUrl);
}

async function run(cli: Cli, ledger: LedgerAudit, records: RecordsOf | undefined, json: boolean): Promise<number> {
  const bar = createBar(cli, !json);
  let told_ms = performance.now();
  const onProgress = (blocks: number, total: number): void => {
    bar.show(blocks / total, `block ${blocks} of ${total}`);
    if ((cli.watched && !json) || performance.now() - told_ms < TELL_MS) return;
    told_ms = performance.now();
    cli.err(json ? `${JSON.stringify({ progress: { blocks, total } })}\n` : `block ${blocks} of ${total}\n`);
  };
  const audit = new Audit(ledger, { signal: cli.signal, records, onProgress });
  let findings = 0;
  for await (const finding of audit.findings()) {
    findings += 1;
    bar.clear();
    cli.out(json ? `${JSON.stringify({ finding })}\n` : findingText(finding));
  }
  bar.clear();
  const report = audit.report();
  const scope = scopeOf(ledger, report, records);
  const summary = { sound: findings === 0, findings, source: ledger.source, ...report, ...scope };
  cli.out(json ? `${JSON.stringify(summary)}\n` : reportText(summary));
  return findings === 0 ? EXIT_OK : EXIT_NO;
}

interface Scope {
  readonly checked: readonly string[];
  readonly trusted: readonly string[];
  readonly notChecked: readonly string[];
}

function scopeOf({ checks, trusts }: LedgerAudit, { streams }: AuditReport, records: RecordsOf | undefined): Scope {
  const checked = [
    ...checks,
    "every stream: sequences without a hole, ranges without gap or overlap, each batch naming the hash of the one before",
    "every head in the world state is the last batch that the blocks anchored",
  ];
  const unread = streams.filter(({ recordsRead }) => !recordsRead).length;
  if (records !== undefined && unread < streams.length) {
    checked.push(`every batch of ${streams.length - unread} streams of ${records.owner}, recomputed from its records`);
  }
  const notChecked =
    unread === 0
      ? []
      : [
          `the records behind ${unread} streams: the ledger holds roots alone (--records-of reads an institution's log)`,
        ];
  return { checked, trusted: trusts, notChecked: [...notChecked, "what was never sent to the ledger"] };
}

function findingText({ part, at, what }: AuditFinding): string {
  return `✗ ${part}: ${printable(`${at}: ${what}`)}\n`;
}

function reportText(summary: AuditReport & Scope & { sound: boolean; findings: number; source: string }): string {
  const { sound, findings, source, blocks, batches, firstHash, lastHash, institutions, invalid, streams } = summary;
  const refused = Object.entries(invalid).map(([why, count]) => `${count} ${why}`);
  const lines = [
    sound ? `sound: ${source}` : `${findings} findings: ${source}; see docs/runbooks/integrity.md`,
    `${blocks} blocks, ${batches} batches in ${streams.length} streams`,
    `block 0 ${firstHash}, last block ${lastHash}`,
    ...(institutions.length === 0 ? [] : [`${institutions.length} institutions: ${institutions.join(", ")}`]),
    ...(refused.length === 0 ? [] : [`transactions that do not count: ${refused.join(", ")}`]),
    ...byInstitution(streams),
    ...summary.checked.map((text) => `checked: ${text}`),
    ...summary.trusted.map((text) => `on trust: ${text}`),
    ...summary.notChecked.map((text) => `not checked: ${text}`),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

function byInstitution(streams: readonly StreamReport[]): string[] {
  const owners = [...new Set(streams.map(({ institution }) => institution))];
  return owners.flatMap((owner) => {
    const own = streams.filter(({ institution }) => institution === owner);
    const batches = own.reduce((sum, one) => sum + one.batches, 0);
    const records = own.reduce((sum, one) => sum + one.records, 0);
    return [`${owner}: ${records} records in ${batches} batches of ${own.length} streams`, ...own.map(streamText)];
  });
}

function streamText({
  stream,
  batches,
  records,
  first,
  end,
  firstBlock,
  lastBlock,
  findings,
  recordsRead,
}: StreamReport): string {
  const verdict = findings === 0 ? "whole" : `${findings} findings`;
  const read = recordsRead ? ", records read" : "";
  return `  ${stream}: ${verdict}${read}; ${records} records at ${first} to ${end}, ${batches} batches in blocks ${firstBlock} to ${lastBlock}`;
}
