/**
 * Reports that wait for delivery, in files of one JSON line each: a report is written before its query is answered, so
 * that a killed process loses none. A folder belongs to one process at a time.
 */
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, unlinkSync, writeSync } from "node:fs";
import { appendFile, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";

/** One waiting report. */
export interface Report {
  readonly institution: string;
  /** The AuditEvent as JSON text. */
  readonly resource: string;
}

/** A file of reports that nothing is added to any more. */
export interface Segment {
  readonly path: string;
  readonly reports: readonly Report[];
}

const SEGMENT = /^\d{16}-[0-9a-f]+\.ndjson$/;
const SEGMENT_BYTES_MAX = 1_048_576;
const REFUSED = "refused.ndjson";

export class Spool {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #run: string = randomBytes(4).toString("hex");
  #closed: { readonly path: string; readonly bytes: number }[];
  #active: { readonly path: string; readonly fd: number; bytes: number } | undefined;
  #next: number;

  private constructor(
    folder: string,
    bytesMax: number,
    left: readonly { path: string; bytes: number }[],
    next: number,
  ) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#closed = [...left];
    this.#next = next;
  }

  /**
   * Opens the folder, with what an earlier process left in it.
   *
   * @throws MedtraceError STORAGE_FAILED.
   */
  static open(folder: string, bytesMax: number): Spool {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const names = readdirSync(folder)
        .filter((name) => SEGMENT.test(name))
        .sort();
      const left = names.map((name) => ({ path: join(folder, name), bytes: statSync(join(folder, name)).size }));
      return new Spool(folder, bytesMax, left, Number(names.at(-1)?.slice(0, 16) ?? -1) + 1);
    } catch (cause) {
      throw failed(cause);
    }
  }

  get waitingBytes(): number {
    return this.#closed.reduce((sum, { bytes }) => sum + bytes, 0) + (this.#active?.bytes ?? 0);
  }

  /**
   * Adds reports, all in one write; they are with the operating system when it returns.
   *
   * @throws MedtraceError BUSY over the limit, STORAGE_FAILED where the write is refused.
   */
  append(reports: readonly Report[]): void {
    const lines = Buffer.from(reports.map((report) => `${JSON.stringify(report)}\n`).join(""));
    if (this.waitingBytes + lines.length > this.#bytesMax) {
      throw new MedtraceError("BUSY", "too many queries wait to be traced: ingest does not take their reports", {
        hint: "bring ingest back; QUERY_AUDIT_BYTES_MAX is the limit",
      });
    }
    try {
      const active = this.#activeFile();
      writeSync(active.fd, lines);
      active.bytes += lines.length;
      if (active.bytes >= SEGMENT_BYTES_MAX) this.#rotate();
    } catch (cause) {
      // A line that was written in part must not be continued by the next.
      this.#rotate();
      throw failed(cause);
    }
  }

  /** The oldest reports; undefined where none wait. The same again until they are {@link done}. */
  oldest(): Segment | undefined {
    if (this.#closed.length === 0) this.#rotate();
    const [first] = this.#closed;
    return first === undefined ? undefined : { path: first.path, reports: reportsIn(first.path) };
  }

  /** Forgets a segment that was delivered. */
  async done({ path }: Segment): Promise<void> {
    await unlink(path).catch(() => undefined);
    this.#closed = this.#closed.filter((segment) => segment.path !== path);
  }

  /** Sets reports aside that ingest will not take, for someone to look at. */
  async setAside(reports: readonly Report[]): Promise<void> {
    const path = join(this.#folder, REFUSED);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const lines = reports.map((report) => `${JSON.stringify(report)}\n`).join("");
    if (size + lines.length <= this.#bytesMax) await appendFile(path, lines, { mode: 0o600 });
  }

  /** Reports that were set aside. */
  async refused(): Promise<readonly Report[]> {
    const text = await readFile(join(this.#folder, REFUSED), "utf8").catch(() => "");
    return linesOf(text);
  }

  close(): void {
    this.#rotate();
  }

  #activeFile(): { readonly path: string; readonly fd: number; bytes: number } {
    if (this.#active !== undefined) return this.#active;
    const path = join(this.#folder, `${String(this.#next).padStart(16, "0")}-${this.#run}.ndjson`);
    this.#next += 1;
    this.#active = { path, fd: openSync(path, "wx", 0o600), bytes: 0 };
    return this.#active;
  }

  #rotate(): void {
    if (this.#active === undefined) return;
    const { path, fd, bytes } = this.#active;
    this.#active = undefined;
    closeSync(fd);
    if (bytes > 0) this.#closed.push({ path, bytes });
    else unlinkSync(path);
  }
}

function reportsIn(path: string): Report[] {
  try {
    return linesOf(readFileSync(path, "utf8"));
  } catch (cause) {
    throw failed(cause);
  }
}

/** A line that a killed process did not end was never answered for: it is left out. */
function linesOf(text: string): Report[] {
  return text
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Report];
      } catch {
        return [];
      }
    });
}

function failed(cause: unknown): MedtraceError {
  return new MedtraceError("STORAGE_FAILED", "a query could not be noted for its trace", {
    hint: "make room on the disk; QUERY_AUDIT_FOLDER names the folder",
    cause,
  });
}
