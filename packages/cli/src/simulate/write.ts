/** Writes simulated messages to files: for each institution a folder with one file of HL7 v2 and one of FHIR. */
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { joined } from "./deliver.ts";
import type { SimulatedMessage } from "./desk.ts";

const NAMES = { hl7v2: "messages.hl7", fhir: "events.ndjson" } as const;
/** Messages of one write. */
const TOGETHER = 1_000;

/**
 * @param folder made where there is none; files in it are overwritten.
 * @param count how many messages.
 * @param signal ends the writing between two blocks of messages.
 * @returns how many messages each file holds, by path.
 */
export async function writeTraffic(
  folder: string,
  messages: Iterable<SimulatedMessage>,
  count: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const files = new Map<string, FileHandle>();
  const counts = new Map<string, number>();
  const write = async (path: string, held: readonly SimulatedMessage[]): Promise<void> => {
    const file = files.get(path) ?? (await open(path, "w"));
    files.set(path, file);
    await file.write(joined(held));
    counts.set(path, (counts.get(path) ?? 0) + held.length);
  };
  try {
    for (const together of groups(messages, count)) {
      signal.throwIfAborted();
      const byFile = Map.groupBy(together, ({ institution, kind }) => join(folder, institution, NAMES[kind]));
      for (const [path, held] of byFile) {
        if (!files.has(path)) await mkdir(join(path, ".."), { recursive: true });
        await write(path, held);
      }
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
  return counts;
}

function* groups(messages: Iterable<SimulatedMessage>, count: number): Generator<SimulatedMessage[]> {
  let held: SimulatedMessage[] = [];
  let taken = 0;
  for (const message of messages) {
    if (taken++ === count) break;
    held.push(message);
    if (held.length < TOGETHER) continue;
    yield held;
    held = [];
  }
  if (held.length > 0) yield held;
}
