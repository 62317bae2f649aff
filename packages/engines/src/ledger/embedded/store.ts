/** The ledger's rows, by one connection; and blocks shown to be under the signed checkpoint before they are given. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StateEntry } from "@medtrace/chaincode/context";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Block, type BlockTransaction, blockHash, blockText, NO_BLOCK } from "@medtrace/shared/model/block";
import { type Bytes, fromUtf8, hex, sameBytes, utf8 } from "@medtrace/shared/model/bytes";
import { checkpointText, checkpointVerifier, type LogCheckpoint, signNote } from "@medtrace/shared/model/checkpoint";
import { rootFromInclusion } from "@medtrace/shared/model/merkle";
import type { SigningKey } from "./signing-key.ts";
import { addedNodes, inclusionPathOf, rootOf } from "./tree.ts";

/** A block as it is stored. */
export interface StoredBlock {
  readonly number: number;
  readonly text: string;
  /** The signed note over all blocks up to this one. */
  readonly checkpoint: string;
}

export interface ProvenBlock {
  readonly text: string;
  readonly block: Block;
  /** RFC 6962 audit path in the checkpoint's tree, lowest sibling first. */
  readonly path: readonly Bytes[];
}

export class Store {
  readonly db: DatabaseSync;
  readonly key: SigningKey;
  readonly #verify: (note: string) => LogCheckpoint;
  /** The checkpoint that was read last: while the ledger rests, all proofs lead to it. */
  #vouched: { readonly note: string; readonly checkpoint: LogCheckpoint } | undefined;
  readonly #statements: Readonly<Record<keyof typeof SQL, StatementSync>>;

  constructor(db: DatabaseSync, key: SigningKey) {
    this.db = db;
    this.key = key;
    this.#verify = checkpointVerifier(key.verifier);
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof SQL, StatementSync>;
  }

  /** How many blocks there are. */
  height(): number {
    const last = this.#statements.lastNumber.get()?.["number"] as number | null | undefined;
    return typeof last === "number" ? last + 1 : 0;
  }

  /** Stored blocks from a number on, in order, at most `limit`. */
  blocks(number: number, limit: number): StoredBlock[] {
    return this.#statements.blocks.all(number, limit).map((row) => {
      const at = `block ${row["number"]}`;
      const text = (column: string): string =>
        readOr(at, `its ${column} is not UTF-8`, () => fromUtf8(row[column] as Uint8Array));
      return { number: row["number"] as number, text: text("text"), checkpoint: text("checkpoint") };
    });
  }

  /** @throws MedtraceError INTEGRITY where the row is gone. */
  block(number: number): StoredBlock {
    const [found] = this.blocks(number, 1);
    if (found?.number === number) return found;
    throw new MedtraceError("INTEGRITY", `block ${number} is gone`, { at: `block ${number}` });
  }

  /** Hash of a perfect subtree; @throws MedtraceError INTEGRITY where the row is gone. */
  readonly node = (level: number, position: number): Bytes => {
    const hash = this.findNode(level, position);
    if (hash?.length === 32) return hash;
    throw new MedtraceError("INTEGRITY", `tree node ${level}/${position} is gone`, { at: `node ${level}/${position}` });
  };

  findNode(level: number, position: number): Bytes | undefined {
    return this.#statements.node.get(level, position)?.["hash"] as Uint8Array | undefined;
  }

  state(key: string): Uint8Array | undefined {
    return this.#statements.state.get(key)?.["value"] as Uint8Array | undefined;
  }

  /** World state entries by key; `prefix` is ASCII. */
  stateEntries(prefix: string): StateEntry[] {
    return this.#statements.stateRange.all(prefix, `${prefix}\u007f`).map((row) => ({
      key: row["key"] as string,
      value: row["value"] as Uint8Array,
    }));
  }

  /** The block that a transaction is in. */
  blockOf(transaction: string): number | undefined {
    return this.#statements.receipt.get(transaction)?.["block"] as number | undefined;
  }

  /** Checkpoint of a stored block, its signature checked; @throws MedtraceError INTEGRITY. */
  checkpointOf(stored: StoredBlock): LogCheckpoint {
    const at = `block ${stored.number}`;
    const note = stored.checkpoint;
    const checkpoint =
      note === this.#vouched?.note
        ? this.#vouched.checkpoint
        : readOr(at, "its checkpoint cannot be read", () => this.#verify(note));
    this.#vouched = { note, checkpoint };
    if (checkpoint.origin === this.key.verifier.name && checkpoint.size === stored.number + 1) return checkpoint;
    throw new MedtraceError("INTEGRITY", `block ${stored.number} has the checkpoint of another`, { at });
  }

  /** A block with its path to the checkpoint's root; @throws MedtraceError INTEGRITY where it does not lead there. */
  prove(stored: StoredBlock, checkpoint: LogCheckpoint): ProvenBlock {
    const { number, text } = stored;
    const path = inclusionPathOf(number, checkpoint.size, this.node);
    const root = rootFromInclusion(blockHash(text), number, checkpoint.size, path);
    if (root === undefined || !sameBytes(root, checkpoint.root)) {
      throw new MedtraceError("INTEGRITY", `block ${number} is not the one that the checkpoint commits to`, {
        at: `block ${number}`,
        hint: "run fsck; restore the ledger's folder from a backup",
      });
    }
    return { text, path, block: JSON.parse(text) as Block };
  }

  /** Writes the next block, within a write transaction. Gives its number. */
  append(transactions: readonly BlockTransaction[], state: ReadonlyMap<string, Uint8Array>): number {
    const number = this.height();
    const previous = number === 0 ? NO_BLOCK : hex(this.node(0, number - 1));
    const text = blockText({ format: 1, number, previous, transactions });
    for (const { level, position, hash } of addedNodes(number, blockHash(text), this.node)) {
      this.#statements.addNode.run(level, position, hash);
    }
    const { verifier, sign } = this.key;
    const checkpoint = { origin: verifier.name, size: number + 1, root: rootOf(number + 1, this.node) };
    const note = signNote(checkpointText(checkpoint), verifier, sign);
    this.#statements.addBlock.run(number, utf8(text), utf8(note));
    for (const { id } of transactions) this.#statements.addReceipt.run(id, number);
    for (const [key, value] of state) this.#statements.putState.run(key, value);
    return number;
  }

  /** Cheap, for opening: the last block is the one under the last checkpoint. @throws MedtraceError INTEGRITY */
  verifyHead(): void {
    // One snapshot: what another process appends meanwhile is no row too many.
    this.db.exec("BEGIN");
    try {
      this.#verifyHead();
    } finally {
      this.db.exec("ROLLBACK");
    }
  }

  #verifyHead(): void {
    const height = this.height();
    if (this.findNode(0, height) !== undefined || (height === 0 && this.#statements.anyRow.get() !== undefined)) {
      throw new MedtraceError("INTEGRITY", `block ${height} is gone`, { at: `block ${height}` });
    }
    if (height === 0) return;
    const head = this.block(height - 1);
    const { block } = this.prove(head, this.checkpointOf(head));
    const previous = height === 1 ? NO_BLOCK : hex(blockHash(this.block(height - 2).text));
    if (block.number === height - 1 && block.previous === previous) return;
    throw notFollowing(height - 1);
  }
}

/** The error of a block that does not name the hash of the one before. */
export function notFollowing(number: number): MedtraceError {
  return new MedtraceError("INTEGRITY", `block ${number} does not follow: it or the one before was changed`, {
    at: `block ${number}`,
    hint: "run fsck; restore the ledger's folder from a backup",
  });
}

const SQL = {
  lastNumber: "SELECT max(number) AS number FROM block",
  blocks: "SELECT number, text, checkpoint FROM block WHERE number >= ? ORDER BY number LIMIT ?",
  node: "SELECT hash FROM node WHERE level = ? AND position = ?",
  state: "SELECT value FROM state WHERE key = ?",
  stateRange: "SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key",
  receipt: "SELECT block FROM receipt WHERE transaction_id = ?",
  anyRow: "SELECT 1 FROM state UNION ALL SELECT 1 FROM node UNION ALL SELECT 1 FROM receipt LIMIT 1",
  addNode: "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)",
  addBlock: "INSERT INTO block (number, text, checkpoint) VALUES (?, ?, ?)",
  addReceipt: "INSERT INTO receipt (transaction_id, block) VALUES (?, ?)",
  putState: "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
} as const;

function readOr<T>(at: string, message: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new MedtraceError("INTEGRITY", `${at}: ${message}`, { at, cause });
  }
}
