/** From the bytes of a body to acknowledgments: what HTTP and MLLP have in common. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ErrorCode, hasCode, MedtraceError } from "@medtrace/shared/errors";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { acknowledge, acknowledgeBatch, reject, type Stamp } from "./ack.ts";
import type { Hl7Context } from "./map/context.ts";
import { mapMessage } from "./map/map.ts";
import { field, type Header, type MessageBytes, readHeader, readMessage } from "./message.ts";
import { type Body, splitBody } from "./split.ts";

export interface TakeParts {
  readonly intake: Intake;
  readonly directory: MappingContext["directory"];
  /** Offset for times that carry none. */
  readonly zone: string;
  readonly now_ms: () => number;
  /** A new id for each acknowledgment, at most 20 characters of A-Z a-z 0-9. */
  readonly controlId: () => string;
  /** Told of each message that is refused. */
  readonly onRefused?: (institution: string, code: ErrorCode) => void;
}

export interface MessageOutcome {
  readonly status: "accepted" | "duplicate" | "refused";
  /** MSH-10; undefined where it could not be read. */
  readonly controlId: string | undefined;
  /** Ids of its trace events; empty where it was refused. */
  readonly ids: readonly string[];
  readonly flags: readonly string[];
  /** Why it was refused. */
  readonly error: MedtraceError | undefined;
  /** As many acknowledgments as its sender wants: none, one, or an accept and an application acknowledgment. */
  readonly acks: readonly Uint8Array[];
}

export interface Taken {
  /** In the order of the body. */
  readonly messages: readonly MessageOutcome[];
  /** What is wrong with the batch around them. */
  readonly faults: readonly MedtraceError[];
  /**
   * What is sent back, each in a frame of its own: the first acknowledgment of every message, then the second ones; as
   * batches where a batch was sent.
   */
  readonly replies: readonly Uint8Array[];
}

/** Takes a body that an institution sent; resolves when what it acknowledges is durable. Never rejects. */
export type Take = (institution: string, body: Uint8Array) => Promise<Taken>;

/** Drafts that go to the intake in one call, at least one message's: commits are shared, memory is bounded. */
const DRAFTS_PER_CALL = 500;

interface Read {
  readonly header: Header | undefined;
  readonly drafts: readonly Draft[];
  readonly error: MedtraceError | undefined;
}

interface Answered extends Read {
  /** One for each draft; empty where the message was not taken. */
  readonly receipts: readonly Receipted[];
}

export function createTake(parts: TakeParts): Take {
  const take = takeWith(parts);
  return async (institution, bytes) => {
    const taken = await take(institution, bytes);
    for (const { error } of taken.messages) if (error !== undefined) parts.onRefused?.(institution, error.code);
    return taken;
  };
}

function takeWith(parts: TakeParts): Take {
  const stamp = (): Stamp => ({ controlId: parts.controlId(), now_ms: parts.now_ms() });
  return async (institution, bytes) => {
    const body = bodyOf(bytes);
    if (body instanceof MedtraceError) {
      const ack = reject(body, stamp());
      return { messages: [outcomeOf(unread(body), [ack])], faults: [], replies: [ack] };
    }
    const { directory, zone } = parts;
    const context: Hl7Context = { institution, directory, zone, received: traceTimeOf(parts.now_ms()) };
    const messages = await takeMessages(body.messages, parts.intake, context, stamp);
    return { messages, faults: body.faults, replies: repliesTo(body, messages, stamp) };
  };
}

function bodyOf(bytes: Uint8Array): Body | MedtraceError {
  try {
    return splitBody(bytes);
  } catch (cause) {
    return expected(cause);
  }
}

const unread = (error: MedtraceError): Answered => ({ header: undefined, drafts: [], receipts: [], error });

async function takeMessages(
  messages: readonly MessageBytes[],
  intake: Intake,
  context: Hl7Context,
  stamp: () => Stamp,
): Promise<MessageOutcome[]> {
  const outcomes: MessageOutcome[] = [];
  let failure: MedtraceError | undefined;
  while (outcomes.length < messages.length) {
    const reads = readSome(messages, outcomes.length, context);
    let receipts: readonly Receipted[] = [];
    try {
      // Once storage failed, what follows is not tried: a sender's order is kept when it sends again.
      if (failure === undefined) receipts = await accept(intake, context.institution, reads);
    } catch (cause) {
      failure = expected(cause);
    }
    let used = 0;
    for (const read of reads) {
      const own = receipts.slice(used, used + read.drafts.length);
      used += read.drafts.length;
      const answered = { ...read, receipts: own, error: read.error ?? failure ?? refusalOf(own) };
      outcomes.push(outcomeOf(answered, acksOf(answered, stamp)));
    }
    // Where all of it is known already, nothing here waits for anything: others still get their turn.
    if (outcomes.length < messages.length) await nextTurn();
  }
  return outcomes;
}

async function accept(intake: Intake, institution: string, reads: readonly Read[]): Promise<readonly Receipted[]> {
  const drafts = reads.flatMap((read) => read.drafts);
  return drafts.length === 0 ? [] : intake.accept(institution, drafts);
}

/** Reads messages from `start` on until they make DRAFTS_PER_CALL drafts. */
function readSome(messages: readonly MessageBytes[], start: number, context: Hl7Context): Read[] {
  const reads: Read[] = [];
  let drafts = 0;
  for (const bytes of messages.slice(start, start + DRAFTS_PER_CALL)) {
    if (drafts >= DRAFTS_PER_CALL) break;
    const read = readOne(bytes, context);
    reads.push(read);
    drafts += read.drafts.length;
  }
  return reads;
}

function outcomeOf({ header, drafts, receipts, error }: Answered, acks: readonly Uint8Array[]): MessageOutcome {
  const taken = receipts.every((receipt) => receipt.status === "duplicate") ? "duplicate" : "accepted";
  return {
    status: error === undefined ? taken : "refused",
    controlId: header === undefined ? undefined : field(header.msh, 10) || undefined,
    ids: error === undefined ? receipts.flatMap((receipt) => ("id" in receipt ? [receipt.id] : [])) : [],
    flags: [...new Set(drafts.flatMap((draft) => draft.flags))].sort(),
    error,
    acks,
  };
}

function readOne(bytes: MessageBytes, context: Hl7Context): Read {
  let header: Header | undefined;
  try {
    header = readHeader(bytes);
    if (isAcknowledgment(header)) throw notTaken();
    return { header, drafts: mapMessage(readMessage(bytes, header), bytes.raw, context), error: undefined };
  } catch (cause) {
    return { header, drafts: [], error: expected(cause) };
  }
}

function isAcknowledgment({ msh }: Header): boolean {
  return field(msh, 9).toUpperCase() === "ACK";
}

function notTaken(): MedtraceError {
  return new MedtraceError("INPUT_UNSUPPORTED", "an acknowledgment is not a use of a record", {
    at: "MSH-9",
    hint: "send the messages themselves; acknowledgments are not traced and not acknowledged",
  });
}

/** An acknowledgment is never acknowledged: two systems would never stop. */
function acksOf({ header, error }: Answered, stamp: () => Stamp): readonly Uint8Array[] {
  if (header !== undefined) return isAcknowledgment(header) ? [] : acknowledge(header, error, stamp);
  return error === undefined ? [] : [reject(error, stamp())];
}

function refusalOf(receipts: readonly Receipted[]): MedtraceError | undefined {
  for (const receipt of receipts) if (receipt.status === "refused") return receipt.error;
  if (!receipts.some((receipt) => receipt.status === "conflict")) return undefined;
  return new MedtraceError("EVENT_CONFLICT", "this control id was already taken with another message", {
    at: "MSH-10",
    hint: "give every message a control id of its own; the refusal is on record",
  });
}

function repliesTo(body: Body, outcomes: readonly MessageOutcome[], stamp: () => Stamp): readonly Uint8Array[] {
  const [first = [], second = []] = [0, 1].map((place) => outcomes.flatMap(({ acks }) => acks[place] ?? []));
  const { envelope, width, faults } = body;
  if (envelope !== undefined) {
    const batch = acknowledgeBatch(envelope, width, first, faults, stamp());
    return second.length === 0 ? [batch] : [batch, acknowledgeBatch(envelope, width, second, faults, stamp())];
  }
  return [first, second].filter((acks) => acks.length > 0).map((acks) => Buffer.concat(acks));
}

/** What is not an error of the input or of storage is a fault here: the sender keeps the message and tries again. */
function expected(cause: unknown): MedtraceError {
  if (cause instanceof MedtraceError && !hasCode(cause, "INTEGRITY", "CONFIGURATION")) return cause;
  return new MedtraceError("STORAGE_FAILED", "the message could not be taken", { hint: "send it again later", cause });
}
