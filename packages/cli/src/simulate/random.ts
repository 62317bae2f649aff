/** Randomness that a seed decides: the same seed gives the same numbers on every machine. */

export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from low to high, both included. */
  whole(low: number, high: number): number;
  /** True this often, from 0 to 1. */
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...(readonly T[])]): T;
  /** An item by weight. */
  weighted<T>(from: readonly (readonly [item: T, weight: number])[]): T;
  /** A wait with this mean, exponentially spread, at most ten times the mean. */
  wait(mean: number): number;
  /** Lower-case hex digits. */
  hex(digits: number): string;
}

/**
 * SFC32, Chris Doty-Humphrey's small fast counting generator from PractRand: 128 bits of state, additions and shifts
 * alone, so that it is the same everywhere.
 */
export function createRandom(seed: string): Random {
  const [a0, b0, c0] = spread(seed);
  let a = a0;
  let b = b0;
  let c = c0;
  let counter = 1;
  const bits = (): number => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round++) bits();
  const next = (): number => bits() / 4_294_967_296;
  const whole = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    whole,
    chance: (probability) => next() < probability,
    pick: (from) => from[whole(0, from.length - 1)] ?? from[0],
    weighted: (from) => {
      let left = next() * from.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [item, weight] of from) {
        left -= weight;
        if (left < 0) return item;
      }
      throw new RangeError("nothing to pick from");
    },
    wait: (mean) => Math.min(-Math.log(1 - next()) * mean, mean * 10),
    hex: (digits) => {
      let text = "";
      while (text.length < digits) text += bits().toString(16).padStart(8, "0");
      return text.slice(0, digits);
    },
  };
}

/** Three words of state from a text: FNV-1a with three offsets. */
function spread(text: string): [number, number, number] {
  return [0x811c9dc5, 0x9e3779b9, 0x85ebca6b].map((offset) => {
    let hash = offset;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return hash | 0;
  }) as [number, number, number];
}
