/** What a run measured, and the table it is printed as. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should be: at least or at most `value`. */
  readonly target?: { readonly kind: "at least" | "at most"; readonly value: number };
  /** What bounds it, measured in the same run and in the same unit. */
  readonly limit?: { readonly name: string; readonly value: number };
}

/** True where the figure keeps its target; undefined where it has none. */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (target === undefined) return undefined;
  return target.kind === "at least" ? value >= target.value : value <= target.value;
}

/** The table: figure, target, limit measured in the same run, and figure divided by limit. */
export function tableText(figures: readonly Figure[]): string {
  const head = ["figure", "measured", "target", "", "limit in the same run", "figure/limit"];
  const rows = figures.map((figure) => [
    figure.name,
    `${amount(figure.value)} ${figure.unit}`,
    figure.target === undefined ? "" : `${figure.target.kind} ${amount(figure.target.value)}`,
    { true: "met", false: "MISSED", undefined: "" }[String(isMet(figure)) as "true" | "false" | "undefined"],
    figure.limit === undefined ? "" : `${figure.limit.name}: ${amount(figure.limit.value)}`,
    figure.limit === undefined ? "" : (figure.value / figure.limit.value).toFixed(2),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return `${[line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")}\n`;
}

function amount(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** The value that a share `q` (0 to 1) of the values do not exceed (nearest rank); NaN of no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Least-squares slope of y over x; 0 where x does not vary. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (axis: 0 | 1): number => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const across = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return across === 0 ? 0 : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / across;
}
