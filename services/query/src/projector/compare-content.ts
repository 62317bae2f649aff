/** Two projections' contents held against each other, row by row. */
import { type ContentRow, compareContentRows, contentRow } from "@medtrace/shared/projection-content";

/** A row in which a projection is not what ledger and log give. */
export interface ContentFinding {
  /** `missing` from the live projection, `extra` in it, or `different` there. */
  readonly kind: "missing" | "extra" | "different";
  readonly table: string;
  /** The live row; absent where it is missing. */
  readonly live?: string;
  /** The row that ledger and log give; absent where they give none. */
  readonly expected?: string;
}

/** Every difference between two contents, in their order, each read once. */
export async function* compareContent(
  live: AsyncIterator<string>,
  expected: AsyncIterator<string>,
): AsyncGenerator<ContentFinding> {
  let [left, right] = [await nextRow(live), await nextRow(expected)];
  while (left !== undefined || right !== undefined) {
    const order = orderOf(left, right);
    if (order < 0) yield { kind: "extra", table: (left as ContentRow).table, live: (left as ContentRow).line };
    if (order > 0) yield { kind: "missing", table: (right as ContentRow).table, expected: (right as ContentRow).line };
    if (order === 0 && left?.line !== right?.line) {
      const [own, due] = [left as ContentRow, right as ContentRow];
      yield { kind: "different", table: own.table, live: own.line, expected: due.line };
    }
    if (order <= 0) left = await nextRow(live);
    if (order >= 0) right = await nextRow(expected);
  }
}

/** Which of two rows comes first; an ended content comes last. */
function orderOf(left: ContentRow | undefined, right: ContentRow | undefined): number {
  if (left === undefined) return 1;
  return right === undefined ? -1 : compareContentRows(left, right);
}

async function nextRow(lines: AsyncIterator<string>): Promise<ContentRow | undefined> {
  const { value, done } = await lines.next();
  return done === true ? undefined : contentRow(value);
}
