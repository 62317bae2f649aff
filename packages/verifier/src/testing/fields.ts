/** Takes envelopes and certificates apart into their fields, and puts them together with one of them changed. For tests only. */
import { der, field, pemOf } from "./network.ts";

/** Which fields of a message are messages, or texts that hold more: by field number. */
export type Form = { readonly [field: number]: Form } | "certificate" | "der";

/** A field, or an element of DER, within whatever it is in. */
export interface Part {
  /** Field numbers, or places of elements, from the outermost. */
  readonly path: readonly number[];
  readonly form: Form | undefined;
  /** Field number and wire type, or DER tag. */
  readonly tag: number;
  readonly value: Buffer | number;
}

const identity: Form = { 2: "certificate" };
const signatureHeader: Form = { 1: identity };
const writeSet: Form = { 2: { 2: { 1: { 2: {} }, 3: {} } } };
const answer: Form = { 2: { 1: writeSet, 2: {}, 3: {}, 4: {} } };
const proposal: Form = { 1: { 1: { 2: {}, 3: {} } } };
const action: Form = { 1: signatureHeader, 2: { 1: proposal, 2: { 1: answer, 2: { 1: identity, 2: "der" } } } };
/** common.Envelope of an endorsed transaction. */
export const ENVELOPE: Form = {
  1: { 1: { 1: { 3: {}, 7: { 2: {} } }, 2: signatureHeader }, 2: { 1: action } },
  2: "der",
};

/** Every part of a message, however deep. */
export function partsOf(bytes: Buffer, form: Form, path: readonly number[] = []): Part[] {
  return split(bytes, form).flatMap(({ tag, value, inner }, i) => {
    const here = [...path, i];
    const deeper = inner !== undefined && typeof value !== "number" ? partsOf(content(value, inner), inner, here) : [];
    return [{ path: here, form: inner, tag, value }, ...deeper];
  });
}

/** The message with what is at the path put in other ways: any number of fields, each encoded. */
export function replaced(bytes: Buffer, form: Form, path: readonly number[], by: (part: Part) => Buffer): Buffer {
  const [at, ...rest] = path;
  const parts = split(bytes, form).map(({ tag, value, inner }, i) => {
    if (i !== at) return encoded(form, tag, value);
    if (rest.length === 0) return by({ path, form: inner, tag, value });
    const within = inner as Form;
    const changed = replaced(content(value as Buffer, within), within, rest, by);
    return encoded(form, tag, within === "certificate" ? Buffer.from(pemOf(changed)) : changed);
  });
  return Buffer.concat(parts);
}

/** A field of a message, or an element of DER. */
export function encoded(form: Form, tag: number, value: Buffer | number): Buffer {
  return isDer(form) ? der(tag, value as Buffer) : field(Math.floor(tag / 8), value);
}

const isDer = (form: Form): boolean => form === "certificate" || form === "der";

/** A certificate's text holds DER. */
function content(value: Buffer, form: Form): Buffer {
  return form === "certificate" ? Buffer.from(value.toString().replace(/-----[^-]+-----|\n/g, ""), "base64") : value;
}

interface Piece {
  readonly tag: number;
  readonly value: Buffer | number;
  readonly inner: Form | undefined;
}

function split(bytes: Buffer, form: Form): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const [number, start] = isDer(form) ? derLength(bytes, at + 1) : numberAt(bytes, at + 1);
    const isNumber = !isDer(form) && tag % 8 === 0;
    at = isNumber ? start : start + number;
    const deeper = isDer(form) ? (tag & 0x20 ? "der" : undefined) : (form as Record<number, Form>)[Math.floor(tag / 8)];
    pieces.push({ tag, value: isNumber ? number : bytes.subarray(start, at), inner: isNumber ? undefined : deeper });
  }
  return pieces;
}

/** A length of DER, and where what it is the length of begins. */
function derLength(bytes: Buffer, at: number): [number, number] {
  const first = bytes[at] as number;
  const count = first > 0x80 ? first - 0x80 : 0;
  return [count === 0 ? first : bytes.readUIntBE(at + 1, count), at + 1 + count];
}

/** A protobuf number, and where it ends. */
function numberAt(bytes: Buffer, start: number): [number, number] {
  let [value, at] = [0, start];
  for (let scale = 1; ; scale *= 128, at++) {
    const byte = bytes[at] as number;
    value += (byte % 128) * scale;
    if (byte < 128) return [value, at + 1];
  }
}
