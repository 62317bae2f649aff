/** A map that forgets what was used longest ago. */
export class Lru<Key, Value> {
  readonly #sizeMax: number;
  readonly #map = new Map<Key, Value>();

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: Key): Value | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size > this.#sizeMax) {
      const [oldest] = this.#map.keys().take(1);
      this.#map.delete(oldest as Key);
    }
  }

  clear(): void {
    this.#map.clear();
  }
}
