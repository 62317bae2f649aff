/** A virtual clock, and stories that wait on it: what happens is ordered by virtual time alone. */

/** Something that takes its course: yields how long to wait, in milliseconds, before it goes on. */
export type Story = Generator<number, void, void>;

export const MINUTE = 60_000;
export const HOUR: number = 60 * MINUTE;
export const DAY: number = 24 * HOUR;

interface Waiting {
  readonly at_ms: number;
  readonly order: number;
  readonly story: Story;
}

export class Timeline {
  #now_ms: number;
  #started = 0;
  /** Binary heap, soonest first; stories of one instant in the order in which they began to wait. */
  readonly #waiting: Waiting[] = [];

  constructor(start_ms: number) {
    this.#now_ms = start_ms;
  }

  get now_ms(): number {
    return this.#now_ms;
  }

  /** Begins a story after a wait, in milliseconds. */
  begin(story: Story, wait_ms = 0): void {
    this.#push({ at_ms: this.#now_ms + Math.max(0, Math.round(wait_ms)), order: this.#started++, story });
  }

  /** Lets the next story go on until it waits again. False where none is left. */
  step(): boolean {
    const next = this.#pop();
    if (next === undefined) return false;
    this.#now_ms = next.at_ms;
    const { done, value } = next.story.next();
    if (done !== true) this.begin(next.story, value);
    return true;
  }

  #push(waiting: Waiting): void {
    const heap = this.#waiting;
    let place = heap.push(waiting) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Waiting;
      if (!isSooner(waiting, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = waiting;
  }

  #pop(): Waiting | undefined {
    const heap = this.#waiting;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isSooner(heap[child + 1] as Waiting, heap[child] as Waiting)) child++;
      if (!isSooner(heap[child] as Waiting, last)) break;
      heap[place] = heap[child] as Waiting;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function isSooner(one: Waiting, other: Waiting): boolean {
  return one.at_ms < other.at_ms || (one.at_ms === other.at_ms && one.order < other.order);
}

const OFFSET_MS: number = HOUR;

/** Hour of the day, 0 to 23, and the day since 1970, where the region is. */
export function localTime(at_ms: number): { readonly hour: number; readonly day: number } {
  const local = at_ms + OFFSET_MS;
  return { hour: Math.floor((local % DAY) / HOUR), day: Math.floor(local / DAY) };
}

/** RFC 3339 with the region's offset. */
export function fhirTime(at_ms: number): string {
  return `${new Date(at_ms + OFFSET_MS).toISOString().slice(0, 23)}+01:00`;
}

/** HL7 v2 DTM with the region's offset, to the second. */
export function hl7Time(at_ms: number): string {
  return `${new Date(at_ms + OFFSET_MS).toISOString().slice(0, 19).replace(/[-:T]/g, "")}+0100`;
}
