/** Taking audit messages: all of one call share commits, each is refused by itself. */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { Draft, Intake, MappingContext, Receipted } from "../normalise/draft.ts";
import { mapInTurns } from "../turns.ts";
import { draftOfSyslog } from "./map.ts";

export interface TakeParts {
  readonly intake: Intake;
  readonly context: (institution: string) => MappingContext;
  /** Told of each message that is refused. */
  readonly onRefused: (institution: string, code: ErrorCode) => void;
}

/**
 * Takes syslog messages that an institution sent; gives for each why it was refused, undefined where its event is durable.
 *
 * @throws MedtraceError STORAGE_FAILED or BUSY: then none of them was taken, and all may be tried again.
 */
export type Take = (
  institution: string,
  messages: readonly Uint8Array[],
) => Promise<readonly (MedtraceError | undefined)[]>;

export function createTake({ intake, context, onRefused }: TakeParts): Take {
  return async (institution, messages) => {
    const own = context(institution);
    const read = await mapInTurns(messages, (message) => draftOrRefusal(message, own));
    const drafts = read.filter((one): one is Draft => !(one instanceof MedtraceError));
    const receipts = (drafts.length === 0 ? [] : await intake.accept(institution, drafts)).values();
    return read.map((one) => {
      const error = one instanceof MedtraceError ? one : refusalOf(receipts.next().value);
      if (error !== undefined) onRefused(institution, error.code);
      return error;
    });
  };
}

function draftOrRefusal(message: Uint8Array, context: MappingContext): Draft | MedtraceError {
  try {
    return draftOfSyslog(message, context);
  } catch (cause) {
    if (cause instanceof MedtraceError) return cause;
    throw cause;
  }
}

function refusalOf(receipt: Receipted | undefined): MedtraceError | undefined {
  if (receipt === undefined) throw new TypeError("the intake answered fewer drafts than it was given");
  if (receipt.status === "refused") return receipt.error;
  if (receipt.status !== "conflict") return undefined;
  return new MedtraceError("EVENT_CONFLICT", "an event of this id was already taken with other content", {
    at: receipt.id,
  });
}
