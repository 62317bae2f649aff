/** Two projections' contents held against each other, row by row. */
import { compareContentRows, contentRow } from "@medtrace/shared/projection-content";

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
  let [left, right] = [await nextLine(live), await nextLine(expected)];
  while (left !== undefined || right !== undefined) {
    // Rows are only taken apart where they differ, which is hardly ever.
    const order = left === right ? 0 : orderOf(left, right);
    if (left !== right) yield findingOf(order, left, right);
    if (order <= 0) left = await nextLine(live);
    if (order >= 0) right = await nextLine(expected);
  }
}

/** Which of two rows comes first; an ended content comes last. */
function orderOf(left: string | undefined, right: string | undefined): number {
  if (left === undefined) return 1;
  return right === undefined ? -1 : compareContentRows(contentRow(left), contentRow(right));
}

function findingOf(order: number, live: string | undefined, expected: string | undefined): ContentFinding {
  if (order < 0) return { kind: "extra", table: tableOf(live), live: live as string };
  if (order > 0) return { kind: "missing", table: tableOf(expected), expected: expected as string };
  return { kind: "different", table: tableOf(live), live: live as string, expected: expected as string };
}

function tableOf(line: string | undefined): string {
  return contentRow(line as string).table;
}

async function nextLine(lines: AsyncIterator<string>): Promise<string | undefined> {
  const { value, done } = await lines.next();
  return done === true ? undefined : value;
}
