/** What the verifier says of an evidence file, and how a check says no. */

/** `proven`: every check passed. `refuted`: one failed. `cannot-tell`: one could not be made, and none failed. */
export type Outcome = "proven" | "refuted" | "cannot-tell";

export interface Verdict extends LedgerFacts {
  readonly verdict: Outcome;
  readonly events: readonly EventVerdict[];
  readonly steps: readonly Step[];
  /** What was shown; empty unless the verdict is `proven`. */
  readonly proved: readonly string[];
  readonly onTrust: readonly string[];
  readonly notChecked: readonly string[];
  /** Why the verdict is not `proven`: one line for each failed check, nearest to the signature first. */
  readonly reasons: readonly string[];
}

/** What everything in the file hangs on: of the two, the one of the file's ledger. */
export interface LedgerFacts {
  readonly checkpoint?: CheckpointFacts;
  readonly fabric?: FabricFacts;
}

/** One check that was made, in the order of making. */
export interface Step {
  /** Name of the check, the same for every place it is made at. */
  readonly check: string;
  readonly passed: boolean;
  /** Place in the evidence file, such as `events[3]`. */
  readonly at: string;
  readonly says: string;
}

/** One event of the file; `facts` and `anchor` are absent where they could not be read. */
export interface EventVerdict {
  readonly at: string;
  /** Of everything under this event: its text, path, batch, block, checkpoint, signature and key. */
  readonly verdict: Outcome;
  /** 64 hex digits; empty where the event could not be read. */
  readonly id: string;
  readonly facts?: EventFacts;
  readonly anchor?: EventAnchor;
}

/** What the event's own text tells, by the names it has there. */
export interface EventFacts {
  readonly format: number;
  readonly id: string;
  readonly institution: string;
  readonly source: { readonly type: string };
  readonly activity: { readonly kind: string };
  readonly outcome: string;
  readonly occurred:
    | { readonly start: { readonly given: string }; readonly end: { readonly given: string } | undefined }
    | undefined;
  readonly recorded: { readonly given: string };
  readonly received: { readonly given: string };
  /** Only of a feed statement. */
  readonly feed: FeedFacts | undefined;
  readonly agents: readonly { readonly id: string }[];
  readonly records: readonly { readonly id: string; readonly role: string }[];
}

/** What one ingest process states of one feed and the event's period. */
export interface FeedFacts {
  readonly entry: string;
  readonly system: string;
  readonly process: string;
  readonly place: number;
  readonly messages: number;
  readonly repeated: number;
  readonly lastMessage: string | undefined;
  /** Ranges of the sender's numbers that were taken, first and last of each. */
  readonly numbers: { readonly taken: readonly (readonly number[])[] } | undefined;
}

/** Where the ledger holds the event: leaf `index`, from 0, of `count`, in a batch that `block` anchors. */
export interface EventAnchor {
  readonly owner: string;
  readonly stream: string;
  readonly sequence: number;
  readonly index: number;
  readonly count: number;
  readonly block: number;
  /** On Fabric: what the organisations' peers signed. */
  readonly endorsed?: {
    /** Id of the transaction that wrote the batch, and its time by the owner's clock. */
    readonly transaction: string;
    readonly written: string;
    readonly writtenBy: readonly string[];
    /** Time of the read that found the batch committed, by the clock of whoever asked. */
    readonly read: string;
    readonly readBy: readonly string[];
  };
}

/** The checkpoint that everything in the file hangs on. */
export interface CheckpointFacts {
  readonly origin: string;
  /** Blocks that the checkpoint commits to. */
  readonly size: number;
  /** Verifier keys whose signatures hold. */
  readonly keys: readonly string[];
  /** True where one of these was given by the reader, false where the file alone vouches for them. */
  readonly pinned: boolean;
}

/** The channel whose organisations vouch for everything in the file. */
export interface FabricFacts {
  readonly channel: string;
  readonly chaincode: string;
  /** MSP ids of the organisations whose CAs the reader trusts; empty where the reader named none. */
  readonly organisations: readonly string[];
}

/** A check that did not pass: where, why, and whether that refutes the evidence or leaves it open. */
export class Fault extends Error {
  readonly at: string;
  readonly outcome: Exclude<Outcome, "proven">;

  constructor(at: string, message: string, outcome: Exclude<Outcome, "proven"> = "refuted") {
    super(message);
    this.at = at;
    this.outcome = outcome;
  }
}
