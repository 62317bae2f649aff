/** Data keys: one for each institution and token, kept wrapped, made by whoever asks first. */
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import type { DataKeyRequest, KeyProvider } from "@medtrace/shared/ports/vault";
import { isDuplicateKey } from "../../mongodb/errors.ts";
import { type Collections, type DataKeyDocument, dataKeyId } from "./schema.ts";

const DATA_KEY_BYTES = 32;
/** A key that is erased between making and reading is made again; nobody erases so often. */
const TRIES_MAX = 10;

/** The data key of each request, made where there is none. */
export async function dataKeysOf(
  at: Collections,
  keys: KeyProvider,
  requests: readonly DataKeyRequest[],
): Promise<KeyObject[]> {
  const byId = new Map(requests.map((request) => [dataKeyId(request.institution, request.token), request]));
  let found = await read(at, keys, byId);
  for (let tries = 0; found.size < byId.size && tries < TRIES_MAX; tries++) {
    const missing = new Map([...byId].filter(([id]) => !found.has(id)));
    const made = await make(at, keys, missing);
    found = new Map([...found, ...(made ?? (await read(at, keys, missing)))]);
  }
  return requests.map(({ institution, token }) => {
    const key = found.get(dataKeyId(institution, token));
    if (key === undefined) throw new MedtraceError("BUSY", "a data key is erased all the time", { hint: "try again" });
    return key;
  });
}

/** The keys of those of these ids that have one. */
async function read(
  at: Collections,
  keys: KeyProvider,
  byId: ReadonlyMap<string, DataKeyRequest>,
): Promise<Map<string, KeyObject>> {
  const found = new Map<string, KeyObject>();
  for await (const { _id, wrapped } of at.dataKeys.find({ _id: { $in: [...byId.keys()] } })) {
    const request = byId.get(_id);
    if (request !== undefined) found.set(_id, createSecretKey(keys.unwrap(request.institution, wrapped)));
  }
  return found;
}

/** New keys for all of these ids; undefined where another made one of them meanwhile. */
async function make(
  at: Collections,
  keys: KeyProvider,
  missing: ReadonlyMap<string, DataKeyRequest>,
): Promise<Map<string, KeyObject> | undefined> {
  const made = new Map<string, KeyObject>();
  const documents: DataKeyDocument[] = [];
  for (const [_id, { institution }] of missing) {
    const key = randomBytes(DATA_KEY_BYTES);
    documents.push({ _id, wrapped: keys.wrap(institution, key) });
    made.set(_id, createSecretKey(key));
  }
  try {
    await at.dataKeys.insertMany(documents, { ordered: false });
    return made;
  } catch (error) {
    if (isDuplicateKey(error)) return undefined;
    throw error;
  }
}

/** The data key of this request, where there is one. */
export async function dataKeyOf(
  at: Collections,
  keys: KeyProvider,
  { institution, token }: DataKeyRequest,
): Promise<KeyObject | undefined> {
  const found = await at.dataKeys.findOne({ _id: dataKeyId(institution, token) });
  return found === null ? undefined : createSecretKey(keys.unwrap(institution, found.wrapped));
}
