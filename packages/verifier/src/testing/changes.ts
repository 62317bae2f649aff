/** Changes to one place of a JSON value. For tests only. */

export type Path = readonly (string | number)[];
export type Change = (value: unknown) => unknown;

/** Every place of a JSON value, with the value there. */
export function places(value: unknown, path: Path = []): [Path, unknown][] {
  const inner =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, item]) =>
          places(item, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : [];
  return [[path, value], ...inner];
}

/** A copy of the value with the part at the path changed. */
export function changed(value: unknown, path: Path, change: Change): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  const copy: Record<string | number, unknown> = Array.isArray(value)
    ? ([...value] as never)
    : { ...(value as Record<string, unknown>) };
  copy[key] = changed(copy[key], rest, change);
  return copy;
}

export const named = (path: Path): string => path.join(".");

/** What becomes of one leaf. */
export const LEAF_CHANGES: readonly Change[] = [
  (leaf) => (typeof leaf === "number" ? leaf + 1 : `${leaf}0`),
  (leaf) => (typeof leaf === "number" ? leaf - 1 : String(leaf).slice(0, -1)),
  (leaf) => (typeof leaf === "number" ? String(leaf) : String(leaf).toUpperCase()),
  (leaf) =>
    typeof leaf === "string" && /^[0-9a-f]{64}$/.test(leaf) ? leaf.replace(/^./, (c) => (c === "0" ? "1" : "0")) : null,
  () => "",
  () => 0,
  () => 1e300,
  () => -1,
  () => true,
  () => [],
  () => ({}),
];
