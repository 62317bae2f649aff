/** When two events of one id are not one event. */

/**
 * True where the source bytes of the two differ, by the keyed digest that each event carries: a message sent again is
 * sealed anew, so that its canonical bytes always differ. Bytes that name no digest are compared as they are.
 */
export function conflicts(stored: Uint8Array, arriving: Uint8Array): boolean {
  const first = sourceDigest(stored);
  const second = sourceDigest(arriving);
  if (first === undefined && second === undefined) return Buffer.compare(stored, arriving) !== 0;
  return first !== second;
}

function sourceDigest(bytes: Uint8Array): string | undefined {
  try {
    const event: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    const digest = (event as { source?: { digest?: unknown } } | null)?.source?.digest;
    return typeof digest === "string" ? digest : undefined;
  } catch {
    return undefined;
  }
}
