/**
 * What one process erases, no other may go on using. Every process that remembers keys and tokens says so in the database,
 * looks for erasures several times a second, forgets everything where there was one, and says that it has. An erasure
 * resolves once all have said so. A process that cannot look (it hangs, or is cut off) trusts its memory no longer than its
 * own entry lives, and is waited for no longer than that.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Collections, META } from "./schema.ts";

const LOOK_MS = 200;
const RENEW_MS = 1_000;
const LEASE_MS = 5_000;
const ASK_MS = 20;

export class Instances implements AsyncDisposable {
  readonly #at: Collections;
  readonly #id: string = randomUUID();
  readonly #forget: () => void;
  #seen = -1;
  #trustedUntil = Number.NEGATIVE_INFINITY;
  #renewed = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  private constructor(at: Collections, forget: () => void) {
    this.#at = at;
    this.#forget = forget;
  }

  /** @param forget drops everything that may have been erased. */
  static async register(at: Collections, forget: () => void): Promise<Instances> {
    const instances = new Instances(at, forget);
    await instances.#look();
    instances.#timer = setInterval(() => void instances.look().catch(() => undefined), LOOK_MS);
    return instances;
  }

  /**
   * Number of the erasures that what is remembered takes into account; undefined while nothing remembered may be used.
   * What was read may be remembered only if it is the same, and defined, before and after.
   */
  get trusted(): number | undefined {
    return performance.now() < this.#trustedUntil ? this.#seen : undefined;
  }

  /** Looks for erasures now. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const began = performance.now();
    const erasures = (await this.#at.meta.findOne({ _id: META }))?.erasures ?? 0;
    const isNew = erasures !== this.#seen;
    if (isNew) {
      this.#seen = erasures;
      this.#forget();
    }
    if (!isNew && began < this.#renewed + RENEW_MS) return;
    const expires = { $add: ["$$NOW", LEASE_MS] };
    await this.#at.instances.updateOne({ _id: this.#id }, [{ $set: { seen: erasures, expires } }], { upsert: true });
    this.#renewed = began;
    // By the server's clock it lives from a later moment on, and so ends later.
    this.#trustedUntil = began + LEASE_MS;
  }

  /**
   * Resolves once every process that may remember something knows of this many erasures.
   *
   * @throws MedtraceError BUSY where one lives on but does not say so.
   */
  async untilSeen(erasures: number): Promise<void> {
    await this.#looking?.catch(() => undefined);
    await this.look();
    const behind = { seen: { $lt: erasures }, $expr: { $gt: ["$expires", "$$NOW"] } };
    for (const deadline = performance.now() + 2 * LEASE_MS; performance.now() < deadline; ) {
      if ((await this.#at.instances.findOne(behind, { projection: { _id: 1 } })) === null) return;
      await sleep(ASK_MS);
    }
    throw new MedtraceError("BUSY", "it is erased, but not every process has said that it forgot", {
      hint: "erase again: it resolves once all have",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#trustedUntil = Number.NEGATIVE_INFINITY;
    await this.#looking?.catch(() => undefined);
    await this.#at.instances.deleteOne({ _id: this.#id }).catch(() => undefined);
  }
}
