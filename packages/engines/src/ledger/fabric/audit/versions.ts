/** Which transaction last wrote each key, by which a read set is held to what was there (multi-version concurrency). */
import { type ReadKey, versionOf, type WrittenKey } from "./envelope.ts";

/** One entry for each batch would grow without bound, and the head's version says as much. */
const NOT_KEPT = /^batch\//;

export class Versions {
  readonly #versions: Map<string, string> = new Map();

  /** The keys that were read as they no longer were; undefined where some of the reads cannot be told. */
  stale(reads: readonly ReadKey[]): readonly string[] | undefined {
    const stale = reads.filter((read) => !NOT_KEPT.test(read.key) && this.#versions.get(nameOf(read)) !== read.version);
    if (stale.length === 0 && reads.some(({ key }) => NOT_KEPT.test(key))) return undefined;
    return stale.map(({ key }) => key);
  }

  /** Takes over what the transaction in this place wrote. */
  write(writes: readonly WrittenKey[], block: number, place: number): void {
    for (const write of writes) {
      if (NOT_KEPT.test(write.key)) continue;
      if (write.isDelete) this.#versions.delete(nameOf(write));
      else this.#versions.set(nameOf(write), versionOf(block, place));
    }
  }
}

function nameOf({ namespace, key }: { readonly namespace: string; readonly key: string }): string {
  return `${namespace}\u0000${key}`;
}
