/** Subject tokens: who is meant by which identifiers, the same in every process. */
import { randomBytes } from "node:crypto";
import { type Bytes, hex } from "@medtrace/shared/model/bytes";
import { newToken } from "@medtrace/shared/model/trace-event";
import type { Identifier, IdentifyRequest, KeyProvider, Subject } from "@medtrace/shared/ports/vault";
import type { ClientSession, Db } from "mongodb";
import { TRANSACTION } from "../../mongodb/client.ts";
import { identifierHash } from "../identifier-hash.ts";
import type { Collections, Entry, IdentifierDocument } from "./schema.ts";

const TOKEN_BYTES = 16;
/** One request, its identifiers hashed. */
export interface HashedRequest {
  readonly institution: string;
  readonly hashes: readonly Bytes[];
  /** Of the institution and the hashes: what a memory can be keyed by. */
  readonly key: string;
}

/** An identifier's entries, as they are stored and as they come to be. */
interface Known {
  readonly hash: Bytes;
  readonly stored: readonly Entry[];
  entries: readonly Entry[];
}

/** @throws RangeError where a request has no identifier. */
export function hashRequest(keys: KeyProvider, { institution, identifiers }: IdentifyRequest): HashedRequest {
  if (identifiers.length === 0) throw new RangeError("a person needs at least one identifier");
  const byText = new Map(
    identifiers.map((identifier) => {
      const hash = identifierHash(keys, institution, identifier);
      return [hex(hash), hash];
    }),
  );
  return { institution, hashes: [...byText.values()], key: `${institution} ${[...byText.keys()].join(" ")}` };
}

/** The subject of each request, made where none of its identifiers is known. */
export async function identify(db: Db, at: Collections, requests: readonly HashedRequest[]): Promise<Subject[]> {
  const found = subjectsOf(requests, await readKnown(at, requests));
  // Most persons are known: for those nothing is written.
  if (found.changed.length === 0) return found.subjects;
  return db.client.withSession((session) =>
    session.withTransaction(async () => {
      const { subjects, changed } = subjectsOf(requests, await readKnown(at, requests, session));
      await write(at, changed, session);
      return subjects;
    }, TRANSACTION),
  );
}

async function readKnown(
  at: Collections,
  requests: readonly HashedRequest[],
  session?: ClientSession,
): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  for (const { hashes } of requests) {
    for (const hash of hashes) known.set(hex(hash), { hash, stored: [], entries: [] });
  }
  const _id = { $in: [...known.values()].map(({ hash }) => hash) };
  for await (const { entries, ...document } of at.identifiers.find({ _id }, session === undefined ? {} : { session })) {
    known.set(hex(document._id), { hash: document._id as Bytes, stored: entries, entries });
  }
  return known;
}

function subjectsOf(
  requests: readonly HashedRequest[],
  known: ReadonlyMap<string, Known>,
): { readonly subjects: Subject[]; readonly changed: readonly Known[] } {
  const subjects = requests.map((request) => findOrMake(request, known));
  return { subjects, changed: [...known.values()].filter(({ stored, entries }) => entries.length > stored.length) };
}

/** Adds what a request adds, so that those after it in the same call find it. */
function findOrMake({ institution, hashes }: HashedRequest, known: ReadonlyMap<string, Known>): Subject {
  const ones = hashes.map((hash) => known.get(hex(hash)) as Known);
  const own = ones.map(({ entries }) => entries.find((entry) => entry.institution === institution)?.token);
  const met = ones.map(({ entries }, i) => own[i] ?? anyToken(entries));
  const tokens = [...new Set(met.filter((token) => token !== undefined))];
  const token = tokens[0] ?? newToken(randomBytes(TOKEN_BYTES));
  ones.forEach((one, i) => {
    if (own[i] === undefined) one.entries = [...one.entries, { institution, token: met[i] ?? token }];
  });
  return { token, also: tokens.slice(1) };
}

/** Whom others mean by it: the same for everyone who asks. */
function anyToken(entries: readonly Entry[]): string | undefined {
  return entries.map(({ token }) => token).sort()[0];
}

/** Another who meets the same identifiers at the same time writes the same documents: one of both begins again. */
async function write(at: Collections, changed: readonly Known[], session: ClientSession): Promise<void> {
  const fresh = changed.filter(({ stored }) => stored.length === 0);
  const added = changed.filter(({ stored }) => stored.length > 0);
  if (fresh.length > 0) {
    const documents = fresh.map(({ hash, entries }): IdentifierDocument => ({ _id: hash, entries }));
    await at.identifiers.insertMany(documents, { session, ordered: false });
  }
  if (added.length > 0) {
    const updates = added.map(({ hash, entries }) => ({
      updateOne: { filter: { _id: hash }, update: { $set: { entries } } },
    }));
    await at.identifiers.bulkWrite(updates, { session, ordered: false });
  }
}

/** Token of an identifier as this institution knows it. */
export async function lookup(
  at: Collections,
  keys: KeyProvider,
  institution: string,
  identifier: Identifier,
): Promise<string | undefined> {
  const found = await at.identifiers.findOne({ _id: identifierHash(keys, institution, identifier) });
  if (found === null) return undefined;
  return found.entries.find((entry) => entry.institution === institution)?.token ?? anyToken(found.entries);
}
