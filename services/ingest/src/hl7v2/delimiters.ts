/** The characters that an HL7 v2 message separates its parts with: MSH-1 and MSH-2 (HL7 v2.9 section 2.5.4). */
import { MedtraceError } from "@medtrace/shared/errors";

export interface Delimiters {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  readonly escape: string;
  readonly subcomponent: string;
  /** From v2.7; the fifth character of MSH-2. */
  readonly truncation: string | undefined;
}

export const USUAL_DELIMITERS: Delimiters = {
  field: "|",
  component: "^",
  repetition: "~",
  escape: "\\",
  subcomponent: "&",
  truncation: undefined,
};

/** Printable ASCII that is neither letter nor digit: anything else would tear values apart. */
const DELIMITER = /^[!-/:-@[-`{-~]$/;
/** What nearly every header begins with. */
const USUAL = "|^~\\&|";
const HINT = "MSH starts as MSH|^~\\&| or with other punctuation in the place of | ^ ~ \\ &";

/**
 * The delimiters that a header segment (MSH, BHS, FHS) declares.
 *
 * @param line the segment's text.
 * @throws MedtraceError INPUT_MALFORMED at the first or second field.
 */
export function readDelimiters(line: string): Delimiters {
  if (line.startsWith(USUAL, 3)) return USUAL_DELIMITERS;
  const name = line.slice(0, 3);
  const field = line[3];
  if (field === undefined || !DELIMITER.test(field)) {
    throw new MedtraceError("INPUT_MALFORMED", `${name} is not followed by a field separator`, {
      at: `${name}-1`,
      hint: HINT,
    });
  }
  const end = line.indexOf(field, 4);
  const encoding = [...line.slice(4, end < 0 ? undefined : Math.min(end, 10))];
  const [component, repetition, escaping, subcomponent, truncation] = encoding;
  if (
    component === undefined ||
    repetition === undefined ||
    escaping === undefined ||
    subcomponent === undefined ||
    encoding.length > 5 ||
    encoding.includes(field) ||
    !encoding.every((character) => DELIMITER.test(character)) ||
    new Set(encoding).size < encoding.length
  ) {
    throw new MedtraceError("INPUT_MALFORMED", `${name}-2 is not four or five different punctuation characters`, {
      at: `${name}-2`,
      hint: HINT,
    });
  }
  return { field, component, repetition, escape: escaping, subcomponent, truncation };
}
