/**
 * Protocol Buffers' wire format, read strictly: fields in ascending order, none unknown or given twice, numbers in their
 * fewest bytes, no default written out, nothing after the end. So a message has one spelling, and all of it is read.
 */
import type { Bytes } from "./bytes.ts";
import { Fault } from "./verdict.ts";

/**
 * `number`: 0 to 2^53 - 1, absent is 0. `bytes`: also strings, absent is empty. `message`: bytes of another message,
 * which may be there and empty. `list`: any number of byte strings, in order.
 */
type Kind = "number" | "bytes" | "message" | "list";

/** Members by name: their field number and kind. */
export type Shape = Readonly<Record<string, readonly [field: number, kind: Kind]>>;

interface Values {
  readonly number: number;
  readonly bytes: Bytes;
  readonly message: Bytes | undefined;
  readonly list: readonly Bytes[];
}

export type Message<S extends Shape> = { readonly [M in keyof S]: Values[S[M][1]] };

const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Largest number of any list here: arguments, endorsements, reads and writes of one transaction. */
const ITEMS_MAX = 1_000;

/**
 * Reads a message whose fields are exactly these.
 *
 * @param what the message's name, for faults.
 * @throws Fault `refuted`
 */
export function readMessage<S extends Shape>(bytes: Bytes, what: string, at: string, shape: S): Message<S> {
  const members = Object.entries(shape);
  const found: Record<string, number | Bytes | Bytes[] | undefined> = {};
  for (const [name, [, kind]] of members) found[name] = ABSENT[kind]();
  const cursor = { bytes, next: 0 };
  let last = 0;
  while (cursor.next < bytes.length) {
    const tag = varint(cursor, what, at);
    const field = Math.floor(tag / 8);
    const [name, [, kind]] = members.find(([, [number]]) => number === field) ?? ["", [0, undefined]];
    if (kind === undefined) throw new Fault(at, `${what}: field ${field} is not known here`);
    if (tag % 8 !== (kind === "number" ? VARINT : LENGTH_DELIMITED)) throw new Fault(at, `${what}.${name}: wrong type`);
    if (field < last || (field === last && kind !== "list")) throw new Fault(at, `${what}.${name}: twice, or late`);
    last = field;
    const value = kind === "number" ? varint(cursor, what, at) : delimited(cursor, what, at);
    const list = found[name];
    if (Array.isArray(list)) list.push(value as Bytes);
    else found[name] = value;
    if (Array.isArray(list) && list.length > ITEMS_MAX) throw new Fault(at, `${what}.${name}: over ${ITEMS_MAX} items`);
    const isDefault = kind === "number" ? value === 0 : kind === "bytes" && (value as Bytes).length === 0;
    if (isDefault) throw new Fault(at, `${what}.${name}: its default is written out`);
  }
  return found as Message<S>;
}

const ABSENT = {
  number: () => 0,
  bytes: () => new Uint8Array(),
  message: () => undefined,
  list: () => [],
} as const;

interface Cursor {
  readonly bytes: Bytes;
  next: number;
}

/** Base 128, lowest group first; by multiplication, since `<<` ends at 32 bits. */
function varint(cursor: Cursor, what: string, at: string): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
    const byte = cursor.bytes[cursor.next++];
    if (byte === undefined) throw new Fault(at, `${what}: cut short`);
    value += (byte % 128) * scale;
    if (byte >= 128) continue;
    if ((byte === 0 && scale > 1) || !Number.isSafeInteger(value)) break;
    return value;
  }
  throw new Fault(at, `${what}: a number is too large, or not in its fewest bytes`);
}

function delimited(cursor: Cursor, what: string, at: string): Bytes {
  const length = varint(cursor, what, at);
  if (length > cursor.bytes.length - cursor.next) throw new Fault(at, `${what}: cut short`);
  const start = cursor.next;
  cursor.next += length;
  return cursor.bytes.subarray(start, cursor.next);
}
