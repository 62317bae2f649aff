/** What became of one draft, as a result or a refusal. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Receipted } from "../normalise/draft.ts";
import type { Taken } from "./operation-outcome.ts";

/** @throws MedtraceError that says why it was not taken. */
export function takenOrThrow(receipt: Receipted): Taken {
  if (receipt.status === "accepted" || receipt.status === "duplicate") return receipt;
  if (receipt.status === "refused") throw receipt.error;
  if (receipt.status === "withheld") throw new TypeError("a draft was withheld that was taken by itself");
  throw new MedtraceError("EVENT_CONFLICT", "an event of this id was already taken with other content", {
    at: receipt.id,
    hint: "give the changed event an id of its own; the attempt is on record",
  });
}
