/** Contract of EventLog: sharing partitions among the members of a group. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, linesOfChild, settles } from "./contract.child-process.ts";
import { type EventLogHarness, withLog } from "./event-log.contract.kit.ts";
import type { EventLog } from "./event-log.ts";

const GROUP = "writers";

export function assignContract(harness: EventLogHarness): void {
  it("gives the only member of a group every partition", () =>
    withLog(harness, async (log) => {
      const member = join(log, GROUP);
      await eventually("the only member has all", () => hasAll(member, log));
      await member.leave();
    }));

  it("gives groups nothing to do with each other", () =>
    withLog(harness, async (log) => {
      const members = ["writers", "readers-2"].map((group) => join(log, group));
      for (const member of members) await eventually("each has all", () => hasAll(member, log));
      for (const member of members) await member.leave();
    }));

  it("ends when the signal aborts: before, while a set is worked on, and while waiting for another", () =>
    withLog(harness, async (log) => {
      for await (const set of log.assignments(GROUP, AbortSignal.abort())) assert.fail(`${set}`);
      const abort = new AbortController();
      const during = (async () => {
        for await (const set of log.assignments(GROUP, abort.signal)) {
          assert.equal(set.length, log.partitions);
          abort.abort();
        }
      })();
      await settles("an assignment aborted in the middle", during);
      const member = join(log, GROUP);
      await eventually("the only member has all", () => hasAll(member, log));
      await sleep(30);
      await member.leave();
    }));

  it("gives every partition to one member of two, and to the one who stays when the other leaves", async () => {
    await using storage = await harness.create();
    await using one = await storage.open();
    await using two = await storage.open();
    const first = join(one, GROUP);
    await eventually("the only member has all", () => hasAll(first, one));
    const second = join(two, GROUP);
    const parted = (): boolean => {
      const [mine, theirs] = [first.has(), second.has()];
      const shared = harness.membersShare ? mine.length > 0 && theirs.length > 0 : theirs.length === 0;
      return shared && [...mine, ...theirs].sort((a, b) => a - b).join() === all(one).join();
    };
    await eventually("each partition has one member", parted);
    await sleep(200);
    assert.ok(parted(), `${first.has()} and ${second.has()}`);
    await first.leave();
    await eventually("who stays has all", () => hasAll(second, two));
    await second.leave();
    const third = join(one, GROUP);
    await eventually("who comes later has all", () => hasAll(third, one));
    await third.leave();
  });

  it("takes partitions back from a member whose log was closed", async () => {
    await using storage = await harness.create();
    const one = await storage.open();
    await using two = await storage.open();
    const first = join(one, GROUP);
    await eventually("the only member has all", () => hasAll(first, one));
    const second = join(two, GROUP);
    await one[Symbol.asyncDispose]();
    await settles("the assignments of a closed log", first.ended);
    await eventually("who stays has all", () => hasAll(second, two));
    await second.leave();
  });

  it("takes partitions back from a member whose process was killed", async () => {
    await using storage = await harness.create();
    await using log = await storage.open();
    const script = new URL("./event-log.contract.member-child.ts", import.meta.url);
    const [given = ""] = await linesOfChild(script, [harness.module.href, storage.url, GROUP], 1);
    assert.deepEqual(JSON.parse(given), all(log));
    const member = join(log, GROUP);
    await eventually("who comes after a kill has all", () => hasAll(member, log));
    await member.leave();
  });
}

interface Member {
  /** What it was given last. */
  has(): readonly number[];
  leave(): Promise<void>;
  /** Settles when its assignments end, however. */
  readonly ended: Promise<void>;
}

/** A member of a group that takes every set as soon as it is given. */
function join(log: EventLog, group: string): Member {
  const abort = new AbortController();
  let given: readonly number[] = [];
  const follow = async (): Promise<void> => {
    for await (const set of log.assignments(group, abort.signal)) {
      assert.deepEqual(set, [...new Set(set)], "a set names each partition once");
      for (const partition of set) assert.ok(Number.isInteger(partition) && partition < log.partitions);
      given = set;
    }
  };
  const following = follow();
  const ended = following.then(
    () => {},
    () => {},
  );
  return {
    has: () => given,
    ended,
    async leave() {
      abort.abort();
      await settles("leaving a group", following);
      given = [];
    },
  };
}

function hasAll(member: Member, log: EventLog): boolean {
  return [...member.has()].sort((a, b) => a - b).join() === all(log).join();
}

function all(log: EventLog): number[] {
  return Array.from({ length: log.partitions }, (_, partition) => partition);
}
