/** Limits of what one resource may say, beyond those of its single elements. */
import { indexFault, TEXT_CHARS_MAX } from "@medtrace/shared/model/event-limits";
import type { Draft } from "../normalise/draft.ts";
import { tooLarge } from "./element.ts";

/** Element that holds most of what a member of a trace event is made of. */
const ELEMENTS: Readonly<Record<string, string>> = { agents: "agent", recipients: "agent", records: "entity" };

/**
 * The draft, where all that it names can be looked up.
 *
 * @throws MedtraceError INPUT_TOO_LARGE at the list that is too long.
 */
export function holdWithin(draft: Draft): Draft {
  const fault = indexFault(draft, draft.persons.length);
  if (fault === undefined) return draft;
  const at = `${draft.type}.${ELEMENTS[fault.at] ?? fault.at}`;
  const why = `names more at once than can be looked up (${fault.message})`;
  throw tooLarge(at, why, "send what happened as several resources");
}

/** The id, where it can be looked up. @throws MedtraceError INPUT_TOO_LARGE */
export function idWithin(id: string, at: string): string {
  if (id.length <= TEXT_CHARS_MAX) return id;
  throw tooLarge(at, `makes an id of more than ${TEXT_CHARS_MAX} characters`, "name it by a shorter reference");
}
