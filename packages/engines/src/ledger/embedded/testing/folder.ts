/** Folders with ledgers in them, and what is done to them behind their back. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { anchorChain } from "@medtrace/shared/ports/ledger.contract.kit";
import { FILE } from "../database.ts";
import { EmbeddedLedger } from "../ledger.ts";

export const OWNER = "RegionMSP";

/** A folder that is gone after the test. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), "medtrace-ledger-")));
  }

  /** One with a closed ledger of three streams and 13 blocks. */
  static async withLedger(): Promise<Folder> {
    const folder = await Folder.create();
    await using ledger = await folder.open();
    for (const [stream, length] of [
      ["log-0", 7],
      ["log-1", 4],
      ["log-2", 2],
    ] as const) {
      await anchorChain(ledger, stream, length);
    }
    return folder;
  }

  async copy(): Promise<Folder> {
    const copy = await Folder.create();
    await cp(this.path, copy.path, { recursive: true });
    return copy;
  }

  open(pages_max?: number): Promise<EmbeddedLedger> {
    return EmbeddedLedger.open(this.path, { owner: OWNER, ...(pages_max === undefined ? {} : { pages_max }) });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Does something to the database file that the ledger would not do. */
  tamper(change: (db: DatabaseSync) => void): void {
    const db = new DatabaseSync(this.file(FILE));
    try {
      change(db);
    } finally {
      db.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export async function faultsOf(ledger: EmbeddedLedger): Promise<string[]> {
  const faults: string[] = [];
  for await (const fault of ledger.check(new AbortController().signal)) faults.push(fault);
  return faults;
}
