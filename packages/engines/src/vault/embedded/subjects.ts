/** Subject tokens and data keys in a SQLite file. */
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Bytes, hex } from "@medtrace/shared/model/bytes";
import { newToken } from "@medtrace/shared/model/trace-event";
import type { DataKeyRequest, Identifier, IdentifyRequest, KeyProvider, Subject } from "@medtrace/shared/ports/vault";
import { Lru } from "../../lru.ts";
import { inTransaction, openFile } from "../../sqlite/database.ts";
import { identifierHash } from "../identifier-hash.ts";

const WHAT = "vault";
const REMEMBERED_MAX = 100_000;
const DATA_KEY_BYTES = 32;
const TOKEN_BYTES = 16;

const SCHEMA = `
  CREATE TABLE identifier (hash BLOB NOT NULL, institution TEXT NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (hash, institution)) STRICT, WITHOUT ROWID;
  CREATE INDEX identifier_token ON identifier (token, institution);
  CREATE TABLE data_key (institution TEXT NOT NULL, token TEXT NOT NULL, wrapped BLOB NOT NULL,
    PRIMARY KEY (institution, token)) STRICT, WITHOUT ROWID`;

/** One request, its identifiers hashed. */
interface Hashed {
  readonly institution: string;
  readonly hashes: readonly Bytes[];
  /** Of the institution and the hashes: what the memory is keyed by. */
  readonly key: string;
}

export class Subjects implements Disposable {
  readonly #db: DatabaseSync;
  readonly #keys: KeyProvider;
  readonly #subjects = new Lru<string, Subject>(REMEMBERED_MAX);
  readonly #dataKeys = new Lru<string, KeyObject>(REMEMBERED_MAX);
  readonly #dataVersion: StatementSync;
  #seenVersion = -1;
  readonly #ownToken: StatementSync;
  readonly #anyToken: StatementSync;
  readonly #addIdentifier: StatementSync;
  readonly #getKey: StatementSync;
  readonly #addKey: StatementSync;

  constructor(folder: string, keys: KeyProvider, pages_max: number | undefined) {
    this.#keys = keys;
    this.#db = openFile({
      what: WHAT,
      folder,
      file: "vault.sqlite",
      schema: SCHEMA,
      version: 1,
      synchronous: "FULL",
      cacheKib: 4_096,
      pages_max,
    });
    // Erased rows must not linger in free pages of the file.
    this.#db.exec("PRAGMA secure_delete = ON");
    this.#dataVersion = this.#db.prepare("PRAGMA data_version");
    this.#ownToken = this.#db.prepare("SELECT token FROM identifier WHERE hash = ? AND institution = ?");
    this.#anyToken = this.#db.prepare("SELECT token FROM identifier WHERE hash = ? ORDER BY token LIMIT 1");
    this.#addIdentifier = this.#db.prepare("INSERT INTO identifier (hash, institution, token) VALUES (?, ?, ?)");
    this.#getKey = this.#db.prepare("SELECT wrapped FROM data_key WHERE institution = ? AND token = ?");
    this.#addKey = this.#db.prepare("INSERT INTO data_key (institution, token, wrapped) VALUES (?, ?, ?)");
  }

  /** The subjects of requests that were all met before; undefined where one was not. */
  remembered(requests: readonly IdentifyRequest[]): Subject[] | undefined {
    this.#forgetIfOthersWrote();
    const known = requests.map((request) => this.#subjects.get(this.#hash(request).key));
    return known.every((subject) => subject !== undefined) ? (known as Subject[]) : undefined;
  }

  identify(requests: readonly IdentifyRequest[]): Subject[] {
    const hashed = requests.map((request) => this.#hash(request));
    const subjects = inTransaction(this.#db, WHAT, () => hashed.map((request) => this.#findOrMake(request)));
    // Only what is committed is remembered.
    subjects.forEach((subject, i) => {
      this.#subjects.set((hashed[i] as Hashed).key, subject);
    });
    return subjects;
  }

  #findOrMake({ institution, hashes }: Hashed): Subject {
    const own = hashes.map((hash) => this.#ownToken.get(hash, institution)?.["token"] as string | undefined);
    const met = hashes.map((hash, i) => own[i] ?? (this.#anyToken.get(hash)?.["token"] as string | undefined));
    const tokens = [...new Set(met.filter((token) => token !== undefined))];
    const token = tokens[0] ?? newToken(randomBytes(TOKEN_BYTES));
    hashes.forEach((hash, i) => {
      if (own[i] === undefined) this.#addIdentifier.run(hash, institution, met[i] ?? token);
    });
    return { token, also: tokens.slice(1) };
  }

  #hash({ institution, identifiers }: IdentifyRequest): Hashed {
    if (identifiers.length === 0) throw new RangeError("a person needs at least one identifier");
    const byText = new Map(
      identifiers.map((identifier) => {
        const hash = identifierHash(this.#keys, institution, identifier);
        return [hex(hash), hash];
      }),
    );
    return { institution, hashes: [...byText.values()], key: `${institution} ${[...byText.keys()].join(" ")}` };
  }

  lookup(institution: string, identifier: Identifier): string | undefined {
    const hash = identifierHash(this.#keys, institution, identifier);
    const own = this.#ownToken.get(hash, institution) ?? this.#anyToken.get(hash);
    return own?.["token"] as string | undefined;
  }

  /** The data keys of requests that were all met before; undefined where one was not. */
  rememberedKeys(requests: readonly DataKeyRequest[]): KeyObject[] | undefined {
    this.#forgetIfOthersWrote();
    const known = requests.map((request) => this.#dataKeys.get(keyName(request)));
    return known.every((key) => key !== undefined) ? (known as KeyObject[]) : undefined;
  }

  dataKeys(requests: readonly DataKeyRequest[]): KeyObject[] {
    const found = inTransaction(this.#db, WHAT, () =>
      requests.map((request) => this.#storedKey(request) ?? this.#makeKey(request)),
    );
    found.forEach((key, i) => {
      this.#dataKeys.set(keyName(requests[i] as DataKeyRequest), key);
    });
    return found;
  }

  dataKey(request: DataKeyRequest): KeyObject | undefined {
    this.#forgetIfOthersWrote();
    return this.#dataKeys.get(keyName(request)) ?? this.#storedKey(request);
  }

  #storedKey({ institution, token }: DataKeyRequest): KeyObject | undefined {
    const wrapped = this.#getKey.get(institution, token)?.["wrapped"] as Bytes | undefined;
    return wrapped === undefined ? undefined : createSecretKey(this.#keys.unwrap(institution, wrapped));
  }

  #makeKey({ institution, token }: DataKeyRequest): KeyObject {
    const key = randomBytes(DATA_KEY_BYTES);
    this.#addKey.run(institution, token, this.#keys.wrap(institution, key));
    return createSecretKey(key);
  }

  erase(institution: string, token: string): number {
    const gone = inTransaction(this.#db, WHAT, () => {
      const key = this.#db.prepare("DELETE FROM data_key WHERE institution = ? AND token = ?").run(institution, token);
      const entries = this.#db
        .prepare("DELETE FROM identifier WHERE institution = ? AND token = ?")
        .run(institution, token);
      return Number(key.changes) + Number(entries.changes);
    });
    this.#subjects.clear();
    this.#dataKeys.clear();
    // The key must not stay readable in the write-ahead log.
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return gone;
  }

  /** Another connection may have erased: what is remembered holds only while nobody else wrote. */
  #forgetIfOthersWrote(): void {
    const version = this.#dataVersion.get()?.["data_version"] as number;
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#subjects.clear();
    this.#dataKeys.clear();
  }

  ping(): void {
    this.#dataVersion.get();
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function keyName({ institution, token }: DataKeyRequest): string {
  return `${institution} ${token}`;
}
