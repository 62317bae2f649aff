/** Subject tokens: who is meant by which identifiers, the same in every process. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Bytes, hex } from "@medtrace/shared/model/bytes";
import { newToken } from "@medtrace/shared/model/trace-event";
import type { Identifier, IdentifyRequest, KeyProvider, Subject } from "@medtrace/shared/ports/vault";
import type { AnyBulkWriteOperation } from "mongodb";
import { duplicates } from "../../mongodb/errors.ts";
import { identifierHash } from "../identifier-hash.ts";
import type { Collections, Entry, IdentifierDocument } from "./schema.ts";

const TOKEN_BYTES = 16;
/** Processes that meet the same persons at the same time follow one another; each turn, one of them gets through. */
const TRIES_MAX = 100;
const RETRY_MS_MAX = 10;
/** One request, its identifiers hashed. */
export interface HashedRequest {
  readonly institution: string;
  readonly hashes: readonly Bytes[];
  /** Of the institution and the hashes: what a memory can be keyed by. */
  readonly key: string;
}

/** An identifier's entries, as they are stored and what comes to them. */
interface Known {
  readonly hash: Bytes;
  readonly stored: boolean;
  readonly entries: Entry[];
  readonly added: Entry[];
  /** The first identifier of a person who is new: whoever stores it makes the token. */
  anchor: boolean;
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

/**
 * The subject of each request, made where none of its identifiers is known. Every step is one write to one document, so that
 * a process that dies in the middle leaves nothing that others wait for, and what it left means what it should.
 *
 * @throws MedtraceError BUSY where others change the same identifiers all the time.
 */
export async function identify(at: Collections, requests: readonly HashedRequest[]): Promise<Subject[]> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const known = await readKnown(at, requests);
    const subjects = requests.map((request) => findOrMake(request, known));
    const changed = [...known.values()].filter(({ added }) => added.length > 0);
    const [anchors, others] = [changed.filter(({ anchor }) => anchor), changed.filter(({ anchor }) => !anchor)];
    // Two processes that meet a new person by the same identifiers begin with the same one: one of both makes the token.
    if ((await add(at, anchors)) && (await add(at, others))) return subjects;
    await sleep(Math.random() * RETRY_MS_MAX);
  }
  throw new MedtraceError("BUSY", "the vault's identifiers are changed all the time by others", { hint: "try again" });
}

async function readKnown(at: Collections, requests: readonly HashedRequest[]): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  for (const { hashes } of requests) {
    for (const hash of hashes) known.set(hex(hash), { hash, stored: false, entries: [], added: [], anchor: false });
  }
  const _id = { $in: [...known.values()].map(({ hash }) => hash) };
  for await (const { _id: hash, entries } of at.identifiers.find({ _id })) {
    known.set(hex(hash), { hash: hash as Bytes, stored: true, entries: [...entries], added: [], anchor: false });
  }
  return known;
}

/** Adds what a request adds, so that those after it in the same call find it. */
function findOrMake({ institution, hashes }: HashedRequest, known: ReadonlyMap<string, Known>): Subject {
  const ones = hashes.map((hash) => known.get(hex(hash)) as Known);
  const own = ones.map(({ entries }) => entries.find((entry) => entry.institution === institution)?.token);
  const met = ones.map(({ entries }, i) => own[i] ?? anyToken(entries));
  const tokens = [...new Set(met.filter((token) => token !== undefined))];
  const token = tokens[0] ?? newToken(randomBytes(TOKEN_BYTES));
  ones.forEach((one, i) => {
    if (own[i] !== undefined) return;
    const entry = { institution, token: met[i] ?? token };
    one.entries.push(entry);
    one.added.push(entry);
  });
  const [first] = tokens.length > 0 ? [] : [...ones].sort((a, b) => Buffer.compare(a.hash, b.hash));
  if (first !== undefined) first.anchor = true;
  return { token, also: tokens.slice(1) };
}

/** Stores what is added; false where another has added to any of these identifiers since they were read. */
async function add(at: Collections, changed: readonly Known[]): Promise<boolean> {
  if (changed.length === 0) return true;
  const writes = changed.map(({ hash, stored, added }): AnyBulkWriteOperation<IdentifierDocument> => {
    if (!stored) return { insertOne: { document: { _id: hash, entries: added } } };
    const institutions = added.map(({ institution }) => institution);
    const filter = { _id: hash, "entries.institution": { $nin: institutions } };
    return { updateOne: { filter, update: { $push: { entries: { $each: added } } } } };
  });
  try {
    const { insertedCount, matchedCount } = await at.identifiers.bulkWrite(writes, { ordered: false });
    return insertedCount + matchedCount === changed.length;
  } catch (error) {
    duplicates(error);
    return false;
  }
}

/** Whom others mean by it: the same for everyone who asks. */
function anyToken(entries: readonly Entry[]): string | undefined {
  return entries.map(({ token }) => token).sort()[0];
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
