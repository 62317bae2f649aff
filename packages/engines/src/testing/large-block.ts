/** A block that is larger than a transaction of MongoDB's should be. */
import type { BlockUpdate } from "@medtrace/shared/ports/projection";
import { blockOf, type SampleEvent, sampleBatch } from "@medtrace/shared/ports/projection.fixtures";

export const LARGE_EVENTS = 500;

/** Every event of it has hundreds of entries; its batch is the first of the stream `large`. */
export function largeBlock(number: number): BlockUpdate {
  const recipients = Array.from({ length: 20 }, (_, i) => `partner ${i}`);
  const samples = Array.from({ length: LARGE_EVENTS }, (_, i): SampleEvent => {
    const facets = Array.from({ length: 20 }, (_, f) => ({ kind: "record", value: `record ${i % 100} ${f}` }) as const);
    const joins = [[`token ${i}`, `token ${i + 1}`]] as const;
    const derivations = [{ from: "one", to: `copy ${i}`, relation: "wasDerivedFrom" }] as const;
    return { name: `large ${i}`, recipients, facets, joins, derivations };
  });
  return blockOf(number, sampleBatch("large", 0, samples));
}
