/** Dead letters looked at again: what this version can read is projected by a rebuild, the rest is told. */
import { rangeEntries } from "@medtrace/shared/log-range";
import { type DeadLetter, readDeadLetter } from "@medtrace/shared/model/dead-letter";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { read } from "./project.ts";

export interface LookedAt {
  /** Dead letters whose record can be read now. */
  readonly readable: readonly DeadLetter[];
  /** The others, with the reason of now. */
  readonly unreadable: readonly DeadLetter[];
}

/** Every dead letter, each once, tried again against its record in the event log. */
export async function lookAgain(deadLetters: EventLog, eventLog: EventLog): Promise<LookedAt> {
  const readable: DeadLetter[] = [];
  const unreadable: DeadLetter[] = [];
  for (const letter of (await lettersOf(deadLetters)).values()) {
    const [entry] = await eventLog.read(letter.partition, letter.offset, { countMax: 1, bytesMax: 1 });
    const found =
      entry?.offset === letter.offset ? read(entry.value, 0, entry.offset) : { fault: "the record is gone" };
    if ("fault" in found) unreadable.push({ ...letter, reason: found.fault });
    else readable.push(letter);
  }
  return { readable, unreadable };
}

/** By place: a projector that was killed between telling and applying tells again. */
async function lettersOf(log: EventLog): Promise<ReadonlyMap<string, DeadLetter>> {
  const letters = new Map<string, DeadLetter>();
  for (const { partition, first, end } of await log.ranges()) {
    for await (const entries of rangeEntries(log, partition, first, end)) {
      for (const { value } of entries) {
        const letter = readDeadLetter(value);
        if (letter !== undefined) letters.set(`${letter.partition}/${letter.offset}`, letter);
      }
    }
  }
  return letters;
}
