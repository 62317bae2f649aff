/** What publishing a file came to, for people and as JSON. */

import { printable } from "../failure.ts";
import type { Problem } from "../http.ts";
import type { Told } from "./outcome.ts";

export type FileKind = "HL7 v2" | "FHIR NDJSON" | "FHIR" | "unknown";

export interface Refusal extends Problem {
  /** Place in the file; empty where the file is one thing. */
  readonly at: string;
}

export interface FileReport {
  readonly file: string;
  readonly kind: FileKind;
  accepted: number;
  /** Of those accepted or duplicate: how many are odd in some way. */
  flagged: number;
  duplicate: number;
  refused: number;
  /** How often each oddity was met. */
  readonly flags: Record<string, number>;
  readonly refusals: Refusal[];
  /** What is wrong around the parts of the file, though they were taken. */
  readonly notes: Refusal[];
}

/** Refusals told of one file; the rest is counted. */
const REFUSALS_MAX = 1_000;
const REFUSALS_SHOWN = 10;

export function emptyReport(file: string, kind: FileKind): FileReport {
  return { file, kind, accepted: 0, flagged: 0, duplicate: 0, refused: 0, flags: {}, refusals: [], notes: [] };
}

/** Adds what one request came to. */
export function addTold(report: FileReport, { outcomes, notes }: Told): void {
  for (const { status, at, flags, problem } of outcomes) {
    report[status]++;
    for (const flag of flags) report.flags[flag] = (report.flags[flag] ?? 0) + 1;
    if (flags.length > 0 && status !== "refused") report.flagged++;
    if (problem !== undefined && report.refusals.length < REFUSALS_MAX) report.refusals.push(placed(problem, at));
  }
  for (const note of notes.slice(0, REFUSALS_MAX - report.notes.length)) report.notes.push(placed(note, ""));
}

function placed({ code, message, at: inside, hint }: Problem, at: string): Refusal {
  const place = [at, inside ?? ""].filter((part) => part !== "" && !message.includes(`(${part})`)).join(", ");
  return { code, message, at: place, ...(hint === undefined ? {} : { hint }) };
}

export interface Totals {
  files: number;
  accepted: number;
  flagged: number;
  duplicate: number;
  refused: number;
}

export function addToTotals(totals: Totals, report: FileReport): void {
  totals.files++;
  totals.accepted += report.accepted;
  totals.flagged += report.flagged;
  totals.duplicate += report.duplicate;
  totals.refused += report.refused;
}

/** A file's report in lines for people. */
export function reportText(report: FileReport): string {
  const lines = [`${report.file}  ${report.kind === "unknown" ? "" : `${report.kind}: `}${countsText(report)}`];
  for (const refusal of report.refusals.slice(0, REFUSALS_SHOWN)) lines.push(`    refused ${problemText(refusal)}`);
  const more = report.refused - Math.min(report.refusals.length, REFUSALS_SHOWN);
  if (more > 0) lines.push(`    and ${more} more refused; --json tells of each`);
  for (const note of report.notes) lines.push(`    note: ${problemText(note)}`);
  const flags = Object.entries(report.flags).sort(([a], [b]) => (a < b ? -1 : 1));
  if (flags.length > 0) lines.push(`    flagged ${flags.map(([flag, count]) => `${flag} (${count})`).join(", ")}`);
  return `${lines.map(printable).join("\n")}\n`;
}

export function totalsText(totals: Totals): string {
  return `${totals.files} ${totals.files === 1 ? "file" : "files"}: ${countsText(totals)}\n`;
}

export type Counts = Pick<Totals, "accepted" | "flagged" | "duplicate" | "refused">;

export function countsText(counts: Counts): string {
  const names = ["accepted", "flagged", "duplicate", "refused"] as const;
  const said = names.filter((name) => counts[name] > 0).map((name) => `${counts[name]} ${name}`);
  return said.length === 0 ? "nothing" : said.join(", ");
}

function problemText({ at, message, hint }: Refusal): string {
  return `${at === "" ? "" : `${at}: `}${message}${hint === undefined ? "" : ` — ${hint}`}`;
}
