/** Publishes files: each is sniffed, cut into requests, sent, and reported. */
import { stat } from "node:fs/promises";
import { fileFault } from "../failure.ts";
import { refusedWhole, type Told } from "./outcome.ts";
import { hl7Pieces, ndjsonPieces, type Piece } from "./pieces.ts";
import { addTold, emptyReport, type FileReport } from "./report.ts";
import type { Sender } from "./send.ts";
import { sniff } from "./sniff.ts";

/** Told of every so many bytes of files that were dealt with. */
export type Progress = (bytes: number) => void;

/** Publishes files one after another: of two that contradict each other, it is always the second that is refused. */
export async function* publishFiles(
  files: readonly string[],
  sender: Sender,
  progress: Progress,
): AsyncGenerator<FileReport> {
  for (const file of files) {
    yield await publishFile(file, sender, progress).catch((error: unknown) => unreadable(file, error));
  }
}

/** The report of a file that cannot be read: the others are published all the same. */
function unreadable(file: string, error: unknown): FileReport {
  const message = fileFault(error);
  if (message === undefined) throw error;
  const report = emptyReport(file, "unknown");
  addTold(report, refusedWhole({ code: "INPUT_MALFORMED", message, hint: "mend it, then publish again" }));
  return report;
}

async function publishFile(file: string, sender: Sender, progress: Progress): Promise<FileReport> {
  const content = await sniff(file);
  switch (content.kind) {
    case "hl7v2":
      return await publishPieces(emptyReport(file, "HL7 v2"), hl7Pieces(file), sender.messages, progress);
    case "ndjson":
      return await publishPieces(emptyReport(file, "FHIR NDJSON"), ndjsonPieces(file), sender.lines, progress);
    case "fhir": {
      const report = emptyReport(file, "FHIR");
      addTold(report, await sender.resource(content.resourceType, content.bytes));
      progress(content.bytes.length);
      return report;
    }
    case "refused": {
      const { kind: _, reason: message, ...place } = content;
      const report = emptyReport(file, "unknown");
      addTold(report, refusedWhole({ code: "INPUT_UNSUPPORTED", message, ...place }));
      progress((await stat(file)).size);
      return report;
    }
  }
}

/** The pieces of one file one after another, so that its messages keep their order. */
async function publishPieces(
  report: FileReport,
  pieces: AsyncIterable<Piece>,
  send: (piece: Piece) => Promise<Told>,
  progress: Progress,
): Promise<FileReport> {
  let count = 0;
  const notes: Told["notes"][] = [];
  try {
    for await (const piece of pieces) {
      count++;
      const told = await send(piece);
      addTold(report, { outcomes: told.outcomes, notes: [] });
      notes.push(told.notes);
      progress(piece.bytes.length);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    addTold(
      report,
      refusedWhole({ code: "INPUT_TOO_LARGE", message: error.message, hint: "cut it into smaller ones" }),
    );
  }
  // An envelope whose messages were sent in several requests is not what its trailer counts.
  if (count === 1) addTold(report, { outcomes: [], notes: notes.flat() });
  return report;
}
