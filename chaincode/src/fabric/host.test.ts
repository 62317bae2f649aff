import assert from "node:assert/strict";
import test from "node:test";
import { type Batch, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { fromUtf8, hex, utf8 } from "@medtrace/shared/model/bytes";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { inclusionPath, leafHash, merkleLevels, merkleRoot } from "@medtrace/shared/model/merkle";
import { invoke, type Response, type Stub } from "./host.ts";

const OWNER = "HospitalAMSP";
const leaves = Array.from({ length: 10 }, (_, i) => leafHash(utf8(`event ${i}`)));

/** A world state with Fabric's rules: reads see what was committed alone, and a transaction whose reads are stale fails. */
class Channel {
  readonly committed: Map<string, { readonly value: Uint8Array; readonly version: number }> = new Map();
  readonly events: { readonly name: string; readonly payload: string }[] = [];
  #transactions = 0;

  endorse(submitter: string, fcn: string, ...params: string[]): { response: Promise<Response>; commit: () => boolean } {
    const reads = new Map<string, number>();
    const writes = new Map<string, Uint8Array>();
    const events: { name: string; payload: string }[] = [];
    const id = (this.#transactions++).toString(16).padStart(64, "0");
    const committed = this.committed;
    const stub: Stub = {
      getFunctionAndParameters: () => ({ fcn, params }),
      getTxID: () => id,
      getCreator: () => ({ mspid: submitter }),
      getState: async (key) => {
        reads.set(key, committed.get(key)?.version ?? -1);
        return committed.get(key)?.value ?? new Uint8Array();
      },
      putState: async (key, value) => void writes.set(key, value),
      async *getStateByRange(start, end) {
        for (const key of [...committed.keys()].sort()) {
          if (key >= start && key < end) yield { key, value: committed.get(key)?.value ?? new Uint8Array() };
        }
      },
      setEvent: (name, payload) => void events.push({ name, payload: fromUtf8(payload) }),
    };
    const commit = (): boolean => {
      const isValid = [...reads].every(([key, version]) => (committed.get(key)?.version ?? -1) === version);
      if (!isValid) return false;
      for (const [key, value] of writes) committed.set(key, { value, version: Number.parseInt(id, 16) });
      this.events.push(...events);
      return true;
    };
    return { response: invoke(stub), commit };
  }

  async submit(submitter: string, fcn: string, ...params: string[]): Promise<Response> {
    const { response, commit } = this.endorse(submitter, fcn, ...params);
    const result = await response;
    if (result.status === 200) assert.ok(commit());
    return result;
  }
}

function batchAfter(head?: Batch): Batch {
  const first = head?.end ?? 0;
  const previous = head === undefined ? NO_BATCH : batchHash(head);
  const sequence = head === undefined ? 0 : head.sequence + 1;
  return {
    format: 1,
    stream: "log-0",
    sequence,
    first,
    end: first + 10,
    count: 10,
    root: hex(merkleRoot(leaves)),
    previous,
  };
}

const payloadOf = ({ status, message, payload }: Response): unknown => {
  assert.equal(status, 200, message);
  return payload.length === 0 ? undefined : JSON.parse(fromUtf8(payload));
};

test("a batch is anchored to whoever signed the transaction, and read back as it was", async () => {
  const channel = new Channel();
  const batch = batchAfter();
  const response = await channel.submit(OWNER, "anchorBatch", JSON.stringify(batch));
  const entry = { batch, transaction: "0".repeat(64) };
  assert.equal(fromUtf8(response.payload), canonicalText(entry as unknown as Json));
  assert.deepEqual(payloadOf(await channel.submit(OWNER, "readBatch", OWNER, "log-0", "0")), entry);
  assert.deepEqual(payloadOf(await channel.submit(OWNER, "readHead", OWNER, "log-0")), entry);
  assert.deepEqual(payloadOf(await channel.submit(OWNER, "listStreams")), [{ owner: OWNER, ...entry }]);
  assert.deepEqual(channel.events, [
    { name: "BatchAnchored", payload: canonicalText({ batch, owner: OWNER } as never) },
  ]);
});

test("every endorser comes to the same bytes", async () => {
  const [one, other] = [new Channel(), new Channel()];
  const batch = batchAfter();
  const turned = Object.fromEntries(Object.entries(batch).reverse());
  const a = await one.submit(OWNER, "anchorBatch", JSON.stringify(batch));
  const b = await other.submit(OWNER, "anchorBatch", JSON.stringify(turned, null, 2));
  assert.deepEqual(a, b);
  assert.deepEqual(one.committed, other.committed);
});

test("of two transactions endorsed on one head, the channel takes one", async () => {
  const channel = new Channel();
  const batch = batchAfter();
  await channel.submit(OWNER, "anchorBatch", JSON.stringify(batch));
  const next = batchAfter(batch);
  const tries = [next, { ...next, root: "f".repeat(64) }].map((one) =>
    channel.endorse(OWNER, "anchorBatch", JSON.stringify(one)),
  );
  for (const { response } of tries) assert.equal((await response).status, 200);
  assert.deepEqual(
    tries.map(({ commit }) => commit()),
    [true, false],
  );
});

test("the same batch again gives its first transaction and writes nothing", async () => {
  const channel = new Channel();
  const batch = JSON.stringify(batchAfter());
  const first = await channel.submit(OWNER, "anchorBatch", batch);
  const before = new Map(channel.committed);
  assert.deepEqual(await channel.submit(OWNER, "anchorBatch", batch), first);
  assert.deepEqual(channel.committed, before);
});

test("what is refused names the head, begins with its code, and writes nothing", async () => {
  const channel = new Channel();
  const batch = batchAfter();
  await channel.submit(OWNER, "anchorBatch", JSON.stringify(batch));
  const before = new Map(channel.committed);
  const gap = { ...batchAfter(batch), first: 11, end: 21 };
  const { status, message, payload } = await channel.submit(OWNER, "anchorBatch", JSON.stringify(gap));
  assert.deepEqual([status, payload.length], [500, 0]);
  assert.match(message, new RegExp(`^LEDGER_REFUSED: .*the head is batch 0, ending at 10, hash ${batchHash(batch)}`));
  assert.deepEqual(channel.committed, before);
});

test("an owner's stream is out of every other's reach", async () => {
  const channel = new Channel();
  const batch = batchAfter();
  await channel.submit(OWNER, "anchorBatch", JSON.stringify(batch));
  const theirs = await channel.submit("HospitalBMSP", "anchorBatch", JSON.stringify(batchAfter(batch)));
  assert.match(theirs.message, /^LEDGER_REFUSED: .*no head yet/);
  await channel.submit("HospitalBMSP", "anchorBatch", JSON.stringify({ ...batch, root: "f".repeat(64) }));
  assert.deepEqual(
    (payloadOf(await channel.submit(OWNER, "readHead", OWNER, "log-0")) as { batch: Batch }).batch,
    batch,
  );
});

test("the channel itself says whether a leaf is in an anchored batch", async () => {
  const channel = new Channel();
  await channel.submit(OWNER, "anchorBatch", JSON.stringify(batchAfter()));
  const path = JSON.stringify(inclusionPath(merkleLevels(leaves), 7).map(hex));
  const leaf = hex(leaves[7] as Uint8Array);
  const ask = async (...args: string[]): Promise<unknown> =>
    payloadOf(await channel.submit(OWNER, "verifyInclusion", ...args));
  assert.equal(await ask(OWNER, "log-0", "0", leaf, "7", path), true);
  assert.equal(await ask(OWNER, "log-0", "0", leaf, "6", path), false);
  assert.equal(await ask(OWNER, "log-0", "1", leaf, "7", path), false);
});

test("odd calls are refused in words, and never crash the process", async () => {
  const channel = new Channel();
  const calls: [string, ...string[]][] = [
    [""],
    ["constructor"],
    ["x".repeat(100_000)],
    ["anchorBatch"],
    ["anchorBatch", "{}", "{}"],
    ["anchorBatch", ""],
    ["anchorBatch", "null"],
    ["anchorBatch", "{"],
    ["anchorBatch", "[".repeat(16_000)],
    ["anchorBatch", `"${"x".repeat(20_000)}"`],
    ["readBatch", OWNER],
    ["listStreams", ""],
    ["verifyInclusion", OWNER, "log-0", "0", "", "0", "{}"],
    ["verifyInclusion", OWNER, "log-0", "0", "", "0", "[1]"],
  ];
  for (const [fcn, ...params] of calls) {
    const { status, message } = await channel.submit(OWNER, fcn, ...params);
    assert.equal(status, 500, fcn);
    assert.match(message, /^LEDGER_REFUSED: ./);
    assert.ok(message.length < 300);
  }
  assert.equal(channel.committed.size, 0);
});

test("reading what is not there, or what no name can be, gives nothing", async () => {
  const channel = new Channel();
  await channel.submit(OWNER, "anchorBatch", JSON.stringify(batchAfter()));
  for (const sequence of ["1", "-1", "00", "0.5", "1e1", "", "99999999999999999"]) {
    assert.equal(payloadOf(await channel.submit(OWNER, "readBatch", OWNER, "log-0", sequence)), undefined);
  }
  assert.equal(payloadOf(await channel.submit(OWNER, "readHead", `${OWNER}/log-0`, "0")), undefined);
});

test("a world state that cannot be read is no answer", async () => {
  const away: Stub = {
    ...({} as Stub),
    getFunctionAndParameters: () => ({ fcn: "readHead", params: [OWNER, "log-0"] }),
    getState: () => Promise.reject(new Error("the peer is gone")),
  };
  assert.deepEqual(await invoke(away), {
    status: 500,
    message: "STORAGE_FAILED: the peer is gone",
    payload: new Uint8Array(),
  });
});
