/** NDJSON of any length in bounded memory: lines in, one result a line out, in order. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, hasCode, MedtraceError } from "@medtrace/shared/errors";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { mapInTurns } from "../turns.ts";
import { parseJson } from "./json.ts";
import { draftOfResource } from "./resource.ts";

export interface NdjsonLimits {
  readonly lineBytesMax: number;
  /** Lines of one call to the intake. */
  readonly linesPerCall: number;
  /** How long a busy intake is waited for before a line is answered with BUSY. */
  readonly busy_ms_max: number;
}

export const NDJSON_LIMITS: NdjsonLimits = { lineBytesMax: 1_048_576, linesPerCall: 1_000, busy_ms_max: 10_000 };

/** What became of one line. */
export interface LineResult {
  /** From 1; blank lines count but have no result. */
  readonly line: number;
  readonly status: Receipted["status"];
  readonly id?: string;
  readonly flags?: readonly string[];
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly at?: string; readonly hint?: string };
}

interface Line {
  readonly number: number;
  /** Undefined where the line is over the limit. */
  readonly bytes: Uint8Array | undefined;
}

const NEWLINE = 0x0a;

/** Lines of a byte stream; at most one line and one chunk are held. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, lineBytesMax: number): AsyncGenerator<Line[]> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let number = 0;
  const finish = (tail: Uint8Array): Line => {
    const tooLong = heldBytes + tail.length > lineBytesMax;
    const bytes = tooLong ? undefined : held.length === 0 ? tail : Buffer.concat([...held, tail]);
    held = [];
    heldBytes = 0;
    return { number: ++number, bytes };
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      // Empty lines are told of by nothing, and cost next to nothing: a stream of them could go on for ever.
      for (; heldBytes === 0 && chunk[start] === NEWLINE; start++) number++;
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) break;
      lines.push(finish(chunk.subarray(start, end)));
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    heldBytes += rest.length;
    // Past the limit the line is lost anyway: only its length matters.
    if (heldBytes <= lineBytesMax) held.push(rest);
    if (lines.length > 0) yield lines;
  }
  if (heldBytes > 0) yield [finish(new Uint8Array(0))];
}

/** Takes a stream of lines for one institution; yields results in order. */
export async function* takeNdjson(
  chunks: AsyncIterable<Uint8Array>,
  intake: Intake,
  context: MappingContext,
  limits: NdjsonLimits = NDJSON_LIMITS,
): AsyncGenerator<readonly LineResult[]> {
  let waiting: Line[] = [];
  // One call is under way while the next lines are read and mapped; never two, so that the lines keep their order.
  let underWay: Promise<readonly LineResult[]> | undefined;
  for await (const lines of splitLines(chunks, limits.lineBytesMax)) {
    for (const line of lines) if (line.bytes === undefined || !isBlank(line.bytes)) waiting.push(line);
    while (waiting.length >= limits.linesPerCall) {
      const mapped = await mapLines(waiting.slice(0, limits.linesPerCall), context, limits);
      waiting = waiting.slice(limits.linesPerCall);
      if (underWay !== undefined) yield await underWay;
      underWay = takeMapped(mapped, intake, context, limits);
      // Whoever fails here has failed for every line: nothing may go unhandled.
      underWay.catch(() => {});
    }
  }
  const mapped = await mapLines(waiting, context, limits);
  if (underWay !== undefined) yield await underWay;
  if (waiting.length > 0) yield await takeMapped(mapped, intake, context, limits);
}

interface MappedLine {
  readonly number: number;
  readonly draft: Draft | MedtraceError;
}

async function mapLines(
  lines: readonly Line[],
  context: MappingContext,
  limits: NdjsonLimits,
): Promise<readonly MappedLine[]> {
  return mapInTurns(lines, (line) => ({ number: line.number, draft: mapLine(line, context, limits) }));
}

async function takeMapped(
  mapped: readonly MappedLine[],
  intake: Intake,
  context: MappingContext,
  limits: NdjsonLimits,
): Promise<readonly LineResult[]> {
  const drafts = mapped.map(({ draft }) => draft).filter((draft): draft is Draft => !(draft instanceof MedtraceError));
  let receipts: readonly Receipted[] = [];
  let failure: MedtraceError | undefined;
  try {
    receipts = await acceptPatiently(intake, context.institution, drafts, limits.busy_ms_max);
  } catch (error) {
    if (!hasCode(error, "BUSY", "RATE_LIMITED", "STORAGE_FAILED")) throw error;
    failure = error;
  }
  let at = 0;
  return mapped.map(({ number, draft }) => {
    if (draft instanceof MedtraceError) return refused(number, draft);
    const receipt = receipts[at++];
    if (receipt === undefined) return refused(number, failure as MedtraceError);
    if (receipt.status === "refused") return refused(number, receipt.error);
    return { line: number, ...receipt };
  });
}

async function acceptPatiently(
  intake: Intake,
  institution: string,
  drafts: readonly Draft[],
  busy_ms_max: number,
): Promise<readonly Receipted[]> {
  const until = performance.now() + busy_ms_max;
  for (let wait_ms = 20; ; wait_ms = Math.min(wait_ms * 2, 1_000)) {
    try {
      return drafts.length === 0 ? [] : await intake.accept(institution, drafts);
    } catch (error) {
      if (!hasCode(error, "BUSY", "RATE_LIMITED") || performance.now() + wait_ms > until) throw error;
      await sleep(wait_ms);
    }
  }
}

function mapLine({ bytes }: Line, context: MappingContext, { lineBytesMax }: NdjsonLimits): Draft | MedtraceError {
  if (bytes === undefined) {
    return new MedtraceError("INPUT_TOO_LARGE", `a line is over ${lineBytesMax} bytes`, { hint: "send it by itself" });
  }
  try {
    return draftOfResource(parseJson(bytes), context);
  } catch (error) {
    if (!(error instanceof MedtraceError)) throw error;
    const { code, message, at, hint } = error;
    // Of the one line that JSON was read from, the column says it all.
    return new MedtraceError(code, message, {
      ...(at === undefined ? {} : { at: at.replace(/^line 1, /, "") }),
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function refused(line: number, { code, message, at, hint }: MedtraceError): LineResult {
  return {
    line,
    status: "refused",
    error: { code, message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) },
  };
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
