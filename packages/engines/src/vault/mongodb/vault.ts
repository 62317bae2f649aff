/** The vault in a MongoDB database of its own, for many processes at once. */
import type { KeyObject } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import type {
  DataKeyRequest,
  Identifier,
  IdentifyRequest,
  KeyProvider,
  Receipt,
  Subject,
  Vault,
} from "@medtrace/shared/ports/vault";
import { GatheredRun } from "../../gathered-run.ts";
import { Lru } from "../../lru.ts";
import { type Connection, connect } from "../../mongodb/client.ts";
import { mongoError } from "../../mongodb/errors.ts";
import { dataKeyOf, dataKeysOf } from "./data-keys.ts";
import { eraseSubject } from "./erasure.ts";
import { Instances } from "./instances.ts";
import { prepare } from "./prepare.ts";
import { Receipts } from "./receipts.ts";
import { type Collections, collectionsOf, dataKeyId } from "./schema.ts";
import { type HashedRequest, hashRequest, identify, lookup } from "./subjects.ts";

const WHAT = "vault";
const REMEMBERED_MAX = 100_000;
/** Persons, keys or receipts of one command. */
const RUN_ITEMS_MAX = 4_096;

/** What was read, for as long as nobody erases. */
interface Memory {
  readonly subjects: Lru<string, Subject>;
  readonly dataKeys: Lru<string, KeyObject>;
}

export class MongodbVault implements Vault {
  readonly #connection: Connection;
  readonly #at: Collections;
  readonly #keys: KeyProvider;
  readonly #memory: Memory;
  readonly #instances: Instances;
  readonly #receipts: Receipts;
  readonly #identifying: GatheredRun<HashedRequest, Subject>;
  readonly #keying: GatheredRun<DataKeyRequest, KeyObject>;
  readonly #finding: GatheredRun<string, Receipt | undefined>;
  #closed = false;

  private constructor(connection: Connection, keys: KeyProvider, memory: Memory, instances: Instances) {
    this.#connection = connection;
    this.#at = collectionsOf(connection.db);
    this.#keys = keys;
    this.#memory = memory;
    this.#instances = instances;
    this.#receipts = new Receipts(this.#at);
    this.#identifying = new GatheredRun(RUN_ITEMS_MAX, (requests) => this.#identify(requests));
    this.#keying = new GatheredRun(RUN_ITEMS_MAX, (requests) => this.#makeKeys(requests));
    this.#finding = new GatheredRun(RUN_ITEMS_MAX, async (ids) => {
      const found = await this.#receipts.find(ids);
      return ids.map((id) => found.get(id));
    });
  }

  /**
   * Opens the vault in the URL's database, made where it is not there.
   *
   * @throws MedtraceError CONFIGURATION (the URL, or another schema), STORAGE_FAILED (no primary answers).
   */
  static async open(url: string, keys: KeyProvider): Promise<MongodbVault> {
    const connection = await connect(url, "VAULT_URL", WHAT);
    try {
      await prepare(connection.db);
      const memory = {
        subjects: new Lru<string, Subject>(REMEMBERED_MAX),
        dataKeys: new Lru<string, KeyObject>(REMEMBERED_MAX),
      };
      const instances = await Instances.register(collectionsOf(connection.db), () => {
        memory.subjects.clear();
        memory.dataKeys.clear();
      });
      return new MongodbVault(connection, keys, memory, instances);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw mongoError(error, WHAT);
    }
  }

  identify(requests: readonly IdentifyRequest[]): Promise<readonly Subject[]> {
    return this.#use(async () => {
      const hashed = requests.map((request) => hashRequest(this.#keys, request));
      const known = this.#remembered(hashed.map(({ key }) => this.#memory.subjects.get(key)));
      return known ?? (await this.#identifying.submit(hashed));
    });
  }

  lookup(institution: string, identifier: Identifier): Promise<string | undefined> {
    return this.#use(() => lookup(this.#at, this.#keys, institution, identifier));
  }

  dataKeys(requests: readonly DataKeyRequest[]): Promise<readonly KeyObject[]> {
    return this.#use(async () => {
      const known = this.#remembered(requests.map((request) => this.#memory.dataKeys.get(keyName(request))));
      return known ?? (await this.#keying.submit(requests));
    });
  }

  dataKey(request: DataKeyRequest): Promise<KeyObject | undefined> {
    return this.#use(async () => {
      const [known] = this.#remembered([this.#memory.dataKeys.get(keyName(request))]) ?? [];
      return known ?? (await dataKeyOf(this.#at, this.#keys, request));
    });
  }

  erase(institution: string, token: string): Promise<number> {
    return this.#use(async () => {
      const { gone, erasures } = await eraseSubject(this.#at, institution, token);
      await this.#instances.untilSeen(erasures);
      return gone;
    });
  }

  receipts(ids: readonly string[]): Promise<ReadonlyMap<string, Receipt>> {
    return this.#use(async () => {
      const found = await this.#finding.submit(ids);
      return new Map(found.flatMap((receipt) => (receipt === undefined ? [] : [[receipt.id, receipt]])));
    });
  }

  remember(receipts: readonly Receipt[], watermarks: ReadonlyMap<number, number>): Promise<void> {
    return this.#use(async () => this.#receipts.remember(receipts, watermarks));
  }

  watermarks(): Promise<ReadonlyMap<number, number>> {
    return this.#use(() => this.#receipts.watermarks());
  }

  ping(): Promise<void> {
    return this.#use(async () => {
      await this.#connection.db.command({ ping: 1 });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const run of [this.#identifying, this.#keying, this.#finding]) await run.settled();
    try {
      await this.#receipts[Symbol.asyncDispose]();
    } catch (error) {
      throw mongoError(error, WHAT);
    } finally {
      await this.#instances[Symbol.asyncDispose]();
      await this.#connection[Symbol.asyncDispose]();
    }
  }

  /** What is remembered of all that was asked for; undefined where something is not, or may not be relied on. */
  #remembered<T>(found: readonly (T | undefined)[]): T[] | undefined {
    if (this.#instances.trusted === undefined || found.some((one) => one === undefined)) return undefined;
    return found as T[];
  }

  async #identify(requests: readonly HashedRequest[]): Promise<Subject[]> {
    const before = this.#instances.trusted;
    const subjects = await identify(this.#at, requests);
    this.#keep(before, () => {
      subjects.forEach((subject, i) => {
        this.#memory.subjects.set((requests[i] as HashedRequest).key, subject);
      });
    });
    return subjects;
  }

  async #makeKeys(requests: readonly DataKeyRequest[]): Promise<KeyObject[]> {
    const before = this.#instances.trusted;
    const keys = await dataKeysOf(this.#at, this.#keys, requests);
    this.#keep(before, () => {
      keys.forEach((key, i) => {
        this.#memory.dataKeys.set(keyName(requests[i] as DataKeyRequest), key);
      });
    });
    return keys;
  }

  /** Remembers what was read, if nothing was erased since before it was. */
  #keep(before: number | undefined, remember: () => void): void {
    if (before !== undefined && before === this.#instances.trusted) remember();
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new MedtraceError("STORAGE_FAILED", "the vault is closed");
    try {
      return await work();
    } catch (error) {
      throw mongoError(error, WHAT);
    }
  }
}

function keyName({ institution, token }: DataKeyRequest): string {
  return dataKeyId(institution, token);
}
