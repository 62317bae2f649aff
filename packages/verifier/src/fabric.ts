/**
 * Fabric's word: for each batch the transaction that wrote it, and a read of it, both endorsed by a majority of the
 * organisations. An endorsed transaction may still have been found invalid; the read tells that it was committed, since
 * a peer reads only what was.
 */
import { type BatchState, batchId, type LedgerFound, refuseDifference, refuseOddBatch } from "./batches.ts";
import { concat, toHex } from "./bytes.ts";
import { isEcdsaSignedBy } from "./ecdsa.ts";
import { type Endorsed, readEnvelope } from "./envelope.ts";
import { type Anchored, type FabricProof, readEntry } from "./evidence.ts";
import { type Member, Organisations, type Role } from "./organisations.ts";
import { canonical, parseCanonical } from "./strict.ts";
import { Trail, worst } from "./trail.ts";
import { type EventAnchor, Fault } from "./verdict.ts";

const OK = 200;
type Kind = "transaction" | "read";

interface Context {
  /** Undefined where the reader gave none that can be used: then nothing is proven, but much may be refuted. */
  readonly organisations: Organisations | undefined;
  /** Those of the trust, else of the first envelope: the whole file is of one ledger. */
  channel: string;
  chaincode: string;
}

/** An envelope whose channel was checked, and the organisations whose peers endorsed it. */
interface Word extends Endorsed {
  readonly by: readonly string[];
}

/** Checks the transaction and the read of each batch of the file. */
export async function checkFabric(
  trail: Trail,
  proof: FabricProof,
  anchored: readonly Anchored[],
  trust: readonly string[],
): Promise<LedgerFound> {
  const says = "the organisations' CAs, given by the reader";
  const organisations = await trail.check("trust", "--trust", says, () => Organisations.read(trust));
  await trail.check("anchors", "ledger.anchors", "one for each batch", () => {
    if (proof.anchors.length !== anchored.length) throw new Fault("ledger.anchors", "not one for each batch");
  });
  const { channel = "", chaincode = "", names = [] } = organisations ?? {};
  const context: Context = { organisations, channel, chaincode };
  const under = trail.outcome;
  const listed = new Set<string>();
  const batches: BatchState[] = [];
  for (const [i, batch] of anchored.entries()) {
    const own = new Trail();
    const anchor = await checkBatch(own, proof.anchors[i] ?? { transaction: "", read: "" }, batch, i, context);
    await own.check("batch-rules", `batches[${i}]`, "a batch of format 1 that keeps its rules, listed once", () => {
      if (listed.has(batchId(batch))) throw new Fault(`batches[${i}]`, `the file lists batch ${batchId(batch)} twice`);
      refuseOddBatch(batch, `batches[${i}]`);
    });
    listed.add(batchId(batch));
    trail.join(own);
    batches.push({ outcome: worst(own.outcome, under), anchor });
  }
  const fabric = { channel: context.channel, chaincode: context.chaincode, organisations: names };
  return { facts: { fabric }, batches, refuseSpare: () => undefined };
}

async function checkBatch(
  trail: Trail,
  anchor: FabricProof["anchors"][number],
  anchored: Anchored,
  index: number,
  context: Context,
): Promise<BatchState["anchor"]> {
  const [at, batchAt] = [`ledger.anchors[${index}]`, `batches[${index}]`];
  const transaction = await checkEndorsed(trail, anchor.transaction, "transaction", at, context);
  if (transaction !== undefined) {
    await checkOwner(trail, transaction, anchored, `${at}.transaction`, context);
    const wrote = "it writes this very batch under the owner's key";
    await trail.check("write", batchAt, wrote, () => refuseOtherWrite(transaction, anchored, batchAt));
  }
  const read = await checkEndorsed(trail, anchor.read, "read", at, context);
  if (transaction === undefined || read === undefined) return { block: 0 };
  const says = "the organisations' peers hold the batch as the transaction wrote it";
  const block = await trail.check("committed", `${at}.read`, says, () =>
    blockOfRead(read, transaction, anchored, `${at}.read`),
  );
  return { block: block ?? 0, ...(context.organisations && { endorsed: endorsedOf(transaction, read) }) };
}

/** The envelope is whole, of the ledger's channel and chaincode, and a majority of the organisations endorsed it. */
async function checkEndorsed(
  trail: Trail,
  base64: string,
  kind: Kind,
  anchorAt: string,
  context: Context,
): Promise<Word | undefined> {
  const at = `${anchorAt}.${kind}`;
  const says = "an envelope whose endorsed answer is to this very channel, creator and arguments";
  const endorsed = await trail.check("envelope", at, says, () => readEnvelope(base64, at));
  if (endorsed === undefined) return undefined;
  await trail.check("channel", at, "of the channel and chaincode that the whole file is of", () => {
    context.channel ||= endorsed.channel;
    context.chaincode ||= endorsed.chaincode;
    const [is, wanted] = [`${endorsed.channel}/${endorsed.chaincode}`, `${context.channel}/${context.chaincode}`];
    if (is !== wanted) throw new Fault(at, `of ${is}, not of ${wanted}`);
  });
  const { organisations } = context;
  if (organisations === undefined) return { ...endorsed, by: [] };
  const own = new Trail();
  const by = new Set<string>();
  const seen = new Set<string>();
  for (const [i, { endorser, signature }] of endorsed.endorsements.entries()) {
    const place = `${at}, endorsement ${i + 1}`;
    await own.check("endorsement", place, "a peer of a trusted organisation signed the answer", async () => {
      const message = concat(endorsed.response, endorser);
      const signer = await signerOf(endorser, { message, signature }, endorsed.time, "peer", place, organisations);
      // By its key, not its name: where two organisations have one CA, one peer could go by both.
      const key = toHex(signer.certificate.key.point);
      if (seen.has(key)) throw new Fault(place, "one peer endorsed twice");
      seen.add(key);
      by.add(signer.organisation);
    });
  }
  trail.join(own);
  await trail.check("majority", at, "most of the trusted organisations endorsed it", () => {
    if (endorsed.endorsements.length === 0) throw new Fault(at, "nobody endorsed it");
    refuseMinority(kind, endorsed, by, organisations, at);
  });
  return { ...endorsed, by: [...by].sort() };
}

/**
 * Throws Fault unless most organisations endorsed: for the transaction those that were on the channel by then, for the
 * read all. The times are the senders' own, and one that is set back finds a smaller channel, where fewer are a majority.
 * Too few leave the verdict open: it may be the reader who named more than were there.
 */
function refuseMinority(
  kind: Kind,
  { time }: Endorsed,
  by: ReadonlySet<string>,
  organisations: Organisations,
  at: string,
): void {
  const total = kind === "read" ? organisations.names.length : organisations.countAt(time, by);
  if (2 * by.size > total) return;
  const says = `${by.size} of ${total} organisations endorsed it, which is no majority`;
  const why =
    kind === "read"
      ? "where some joined since, get the evidence anew, or give the CAs of those alone who were there"
      : "where some joined later, say since when";
  throw new Fault(at, `${says}; ${why}`, "cannot-tell");
}

/** Who the identity is, whose signature must hold; throws Fault. */
async function signerOf(
  identity: Word["creator"],
  { message, signature }: Pick<Word["endorsements"][number], "signature"> & { readonly message: Word["payload"] },
  time: number,
  role: Role | undefined,
  at: string,
  organisations: Organisations,
): Promise<Member> {
  const member = await organisations.member(identity, role, time, at);
  const { organisation, certificate } = member;
  const holds = await isEcdsaSignedBy(certificate.key, { message, signature, hash: "SHA-256", lowS: true }, at);
  if (!holds) throw new Fault(at, `not a signature of ${certificate.commonName}, ${organisation}, over this`);
  return member;
}

/** The owner's own key signed the whole transaction, endorsements and all. */
async function checkOwner(
  trail: Trail,
  { creator, payload, signature, time }: Word,
  { owner }: Anchored,
  at: string,
  { organisations }: Context,
): Promise<void> {
  if (organisations === undefined) return;
  await trail.check("submitted", at, "a member of the owner signed the transaction", async () => {
    const { organisation: by } = await signerOf(
      creator,
      { message: payload, signature },
      time,
      undefined,
      at,
      organisations,
    );
    if (by !== owner) throw new Fault(at, `signed by ${by}, but the batch is said to be ${owner}'s`);
  });
}

function batchKey({ owner, batch }: Anchored): string {
  return `batch/${owner}/${batch.stream}/${batch.sequence}`;
}

/** Throws Fault unless the transaction's own write set has the batch, whole, and no other. */
function refuseOtherWrite({ id, result, chaincode }: Word, anchored: Anchored, at: string): void {
  if (result.status !== OK) throw new Fault(at, `the chaincode answered ${result.status} to its transaction`);
  const writes = result.writes.filter(({ namespace, key }) => namespace === chaincode && key.startsWith("batch/"));
  const [write, ...more] = writes;
  if (write === undefined || more.length > 0) throw new Fault(at, `its transaction writes ${writes.length} batches`);
  if (write.key !== batchKey(anchored)) throw new Fault(at, `its transaction writes another batch: ${write.key}`);
  if (write.isDelete) throw new Fault(at, "its transaction deletes the batch");
  const entry = readEntry(parseCanonical(write.value, at), at);
  refuseDifference(anchored.batch, entry.batch, "transaction", `${at}.batch`);
  if (entry.transaction !== id) throw new Fault(at, "what was written names another transaction");
}

/** Number of the block that committed what was read; throws Fault unless that is what the transaction wrote. */
function blockOfRead(read: Word, transaction: Word, anchored: Anchored, at: string): number {
  const { owner, batch } = anchored;
  const key = batchKey(anchored);
  const { status, payload, reads, writes } = read.result;
  if (read.signature.length > 0) throw new Fault(at, "a read is not submitted, so nobody signs it as a transaction");
  const args = ["readBatch", owner, batch.stream, `${batch.sequence}`];
  if (read.args.length !== args.length || !args.every((arg, i) => arg === read.args[i])) {
    throw new Fault(at, `not a read of batch ${batchId(anchored)}`);
  }
  if (status !== OK || payload === "") throw new Fault(at, `the chaincode found no batch; it answered ${status}`);
  if (writes.length > 0) throw new Fault(at, "a read that writes");
  if (payload !== canonical({ batch: { ...batch }, transaction: transaction.id })) {
    throw new Fault(at, "what was read is not what the transaction wrote");
  }
  const found = reads.filter((one) => one.namespace === read.chaincode);
  const [one, ...more] = found;
  if (one?.key !== key || one.block === undefined || more.length > 0) {
    throw new Fault(at, "it did not read the committed batch alone");
  }
  return one.block;
}

function endorsedOf(transaction: Word, read: Word): NonNullable<EventAnchor["endorsed"]> {
  return {
    transaction: transaction.id,
    written: new Date(transaction.time).toISOString(),
    writtenBy: transaction.by,
    read: new Date(read.time).toISOString(),
    readBy: read.by,
  };
}
