import { MedtraceError } from "@medtrace/shared/errors";

/**
 * The value, where it is a whole number from 1 to `max`.
 *
 * @throws MedtraceError INPUT_INVALID where it is not.
 */
export function bounded(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new MedtraceError("INPUT_INVALID", `${name} must be a whole number from 1 to ${max}`, { at: name });
}
