/**
 * A member of a Kafka consumer group (the classic protocol: JoinGroup, SyncGroup, Heartbeat). It joins again only when
 * it is told to, so that its partitions can be given back first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AssignerProtocol } from "kafkajs";
import { ANSWER_MS_MAX, type Cluster, type Lane } from "./cluster.ts";
import { isKafka, mayPass, storageFailed } from "./failures.ts";
import type { Link } from "./link.ts";

const HEARTBEAT_MS = 500;
const HEARTBEAT_ANSWER_MS = 3_000;
/** The broker gives the partitions of a silent member away after this. */
const SESSION_MS = 10_000;
/** A member that was not heard for so long takes its partitions for lost, to have stopped before another starts. */
const LOST_MS = 7_000;
/** Others wait so long for a member to give its partitions back. */
const REBALANCE_MS = 30_000;
const LEAVE_MS_MAX = 2_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;
const GROUP_COORDINATOR = 0;
const PROTOCOL = "medtrace-range";

interface Joined {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** For the leader: everyone. */
  readonly members: readonly { readonly memberId: string }[];
}

interface Session {
  readonly partitions: readonly number[];
  /** Settles when the partitions are to be given back, or are lost. */
  readonly over: Promise<void>;
}

export interface MemberOptions {
  readonly cluster: Cluster;
  readonly group: string;
  readonly partitions: number;
  /** Aborted when the member is to leave. */
  readonly stop: AbortSignal;
  /** Holds what members have still to do to leave. */
  readonly leaving: Set<Promise<void>>;
}

export class Member {
  readonly #options: MemberOptions;
  #lane: Lane;
  #coordinator: { readonly host: string; readonly port: number } | undefined;
  #id = "";
  /** Ends the heartbeats of the session before. */
  #session = new AbortController();
  #leaving: Promise<void> | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#lane = options.cluster.lane();
  }

  /** Joins the group, again and again until that succeeds; undefined where the member is to leave. */
  async join(): Promise<Session | undefined> {
    this.#session.abort();
    for (let pause_ms = PAUSE_MS_MIN; !this.#options.stop.aborted; ) {
      try {
        return await this.#joinOnce();
      } catch (error) {
        if (this.#options.stop.aborted) return undefined;
        const again = this.#learn(error);
        if (!again && !mayPass(error))
          throw storageFailed(`let this process join the group ${this.#options.group}`, error);
        if (again) continue;
        await this.#pause(pause_ms);
        pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX);
        await this.#options.cluster.refresh().catch(() => undefined);
      }
    }
    return undefined;
  }

  /** What an error says about this member; true where it should simply join again. */
  #learn(error: unknown): boolean {
    if (isKafka(error, "MEMBER_ID_REQUIRED")) {
      this.#id = (error as { readonly memberId?: string }).memberId ?? "";
      return true;
    }
    if (isKafka(error, "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID")) {
      const known = this.#id !== "";
      this.#id = "";
      return known;
    }
    if (isKafka(error, "REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION")) return true;
    this.#coordinator = undefined;
    return false;
  }

  async #joinOnce(): Promise<Session> {
    const { group, cluster, stop } = this.#options;
    const link = await this.#link();
    const metadata = AssignerProtocol.MemberMetadata.encode({
      version: 0,
      topics: [cluster.topic],
      userData: Buffer.alloc(0),
    });
    const joined = (await link.call(
      "JoinGroup",
      {
        groupId: group,
        sessionTimeout: SESSION_MS,
        rebalanceTimeout: REBALANCE_MS,
        memberId: this.#id,
        protocolType: "consumer",
        groupProtocols: [{ name: PROTOCOL, metadata }],
      },
      REBALANCE_MS + ANSWER_MS_MAX,
    )) as Joined;
    this.#id = joined.memberId;
    const partitions = await this.#sync(link, joined);
    this.#session = new AbortController();
    const over = this.#beat(joined.generationId, AbortSignal.any([stop, this.#session.signal]));
    return { partitions, over };
  }

  /** What this member is given; its leader says so for all. */
  async #sync(link: Link, { generationId, leaderId, memberId, members }: Joined): Promise<readonly number[]> {
    const { group, cluster } = this.#options;
    const groupAssignment = leaderId === memberId ? this.#shares(members.map((member) => member.memberId)) : [];
    const request = { groupId: group, generationId, memberId, groupAssignment };
    const { memberAssignment } = (await link.call("SyncGroup", request, REBALANCE_MS + ANSWER_MS_MAX)) as {
      readonly memberAssignment: Buffer;
    };
    const given = AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[cluster.topic] ?? [];
    return given.filter((partition) => partition < this.#options.partitions).sort((a, b) => a - b);
  }

  /** Neighbouring partitions for each member, as even as can be. */
  #shares(members: readonly string[]): { memberId: string; memberAssignment: Buffer }[] {
    const { cluster, partitions } = this.#options;
    const { length } = members;
    return [...members].sort().map((memberId, i) => {
      const [from, to] = [i, i + 1].map((n) => Math.floor((n * partitions) / length)) as [number, number];
      const own = Array.from({ length: to - from }, (_, n) => from + n);
      const assignment = { [cluster.topic]: own };
      const userData = Buffer.alloc(0);
      return {
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData }),
      };
    });
  }

  /**
   * Beats until the session is ended: while partitions are given back, too. The promise settles as soon as they are to
   * be given back, or are lost.
   */
  #beat(generation: number, ended: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const beat = async (): Promise<void> => {
      for (let heard_ms = performance.now(); !ended.aborted; ) {
        await sleep(HEARTBEAT_MS, undefined, { signal: ended }).catch(() => undefined);
        const sent_ms = performance.now();
        const failure = await this.#beatOnce(generation);
        if (failure === undefined || isKafka(failure, "REBALANCE_IN_PROGRESS")) heard_ms = sent_ms;
        else if (!ended.aborted) this.#learn(failure);
        if (isKafka(failure, "REBALANCE_IN_PROGRESS")) resolve();
        if (isKafka(failure, "UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID")) return;
        if (performance.now() - heard_ms > LOST_MS) return;
      }
    };
    beat().then(resolve, () => resolve());
    return promise;
  }

  async #beatOnce(groupGenerationId: number): Promise<unknown> {
    try {
      const link = await this.#link();
      const beat = { groupId: this.#options.group, groupGenerationId, memberId: this.#id };
      await link.call("Heartbeat", beat, HEARTBEAT_ANSWER_MS);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** The connection to the group's coordinator. */
  async #link(): Promise<Link> {
    if (this.#coordinator === undefined) {
      const anyone = await this.#options.cluster.anyone({ lane: this.#lane });
      const wanted = { groupId: this.#options.group, coordinatorType: GROUP_COORDINATOR };
      const answer = await anyone.call("GroupCoordinator", wanted, HEARTBEAT_ANSWER_MS);
      this.#coordinator = (
        answer as { readonly coordinator: { readonly host: string; readonly port: number } }
      ).coordinator;
    }
    return this.#lane.to(this.#coordinator);
  }

  /** Leaves the group at once, also from the middle of joining it. */
  leave(): Promise<void> {
    if (this.#leaving !== undefined) return this.#leaving;
    const { leaving } = this.#options;
    const left = this.#leave()
      .catch(() => undefined)
      .finally(() => leaving.delete(left));
    this.#leaving = left;
    leaving.add(left);
    return left;
  }

  async #leave(): Promise<void> {
    const { cluster, group } = this.#options;
    this.#session.abort();
    // A broker answers in turn: leaving must not wait for the answer to a join.
    cluster.end(this.#lane);
    this.#lane = cluster.lane();
    const patience = setTimeout(() => cluster.end(this.#lane), LEAVE_MS_MAX);
    try {
      if (this.#id === "") return;
      const link = await this.#link();
      await link.call("LeaveGroup", { groupId: group, memberId: this.#id }, LEAVE_MS_MAX);
    } finally {
      clearTimeout(patience);
      cluster.end(this.#lane);
    }
  }

  #pause(pause_ms: number): Promise<void> {
    return sleep(pause_ms, undefined, { signal: this.#options.stop }).catch(() => undefined);
  }
}

/** The sets of partitions that a member is given, each given back before the member joins for the next. */
export async function* assignments(options: MemberOptions): AsyncGenerator<readonly number[]> {
  const { stop } = options;
  if (stop.aborted) return;
  const member = new Member(options);
  // Whoever works on a set does not hold its partitions back from others.
  const leave = (): void => void member.leave();
  stop.addEventListener("abort", leave, { once: true });
  try {
    for (;;) {
      const session = await member.join();
      if (session === undefined || stop.aborted) return;
      yield session.partitions;
      await session.over;
      if (stop.aborted) return;
      if (session.partitions.length > 0) yield [];
    }
  } finally {
    stop.removeEventListener("abort", leave);
    await member.leave();
  }
}
