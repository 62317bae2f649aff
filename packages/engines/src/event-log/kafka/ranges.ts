/** Where the topic's partitions begin and end. */
import type { PartitionRange } from "@medtrace/shared/ports/event-log";
import type { Cluster } from "./cluster.ts";
import { LinkError } from "./link.ts";

const EARLIEST = -2;
const LATEST = -1;
const READ_UNCOMMITTED = 0;

interface ListOffsetsResponse {
  readonly responses: readonly {
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
}

/** Asks the leaders. @throws what Kafka or a connection failed with. */
export async function listRanges(cluster: Cluster): Promise<PartitionRange[]> {
  const partitions = [...cluster.layout.leaders.keys()];
  const [firsts, ends] = await Promise.all([
    listOffsets(cluster, partitions, EARLIEST),
    listOffsets(cluster, partitions, LATEST),
  ]);
  return partitions.map((partition) => {
    const [first, end] = [firsts.get(partition), ends.get(partition)];
    if (first === undefined || end === undefined) throw new LinkError(`Kafka names no range of partition ${partition}`);
    return { partition, first, end };
  });
}

/** Asks a partition's leader where it ends. @throws what Kafka or a connection failed with. */
export async function listEnd(cluster: Cluster, partition: number): Promise<number> {
  const end = (await listOffsets(cluster, [partition], LATEST)).get(partition);
  if (end === undefined) throw new LinkError(`Kafka names no end of partition ${partition}`);
  return end;
}

async function listOffsets(
  cluster: Cluster,
  partitions: readonly number[],
  timestamp: number,
): Promise<Map<number, number>> {
  const offsets = new Map<number, number>();
  const ask = async (node: number, own: readonly number[]): Promise<void> => {
    const topics = [{ topic: cluster.topic, partitions: own.map((partition) => ({ partition, timestamp })) }];
    const answer = await cluster.call(node, "ListOffsets", { isolationLevel: READ_UNCOMMITTED, topics });
    for (const { partitions: listed } of (answer as ListOffsetsResponse).responses) {
      for (const { partition, offset } of listed) offsets.set(partition, Number(offset));
    }
  };
  await Promise.all([...cluster.byLeader(partitions)].map(([node, own]) => ask(node, own)));
  return offsets;
}
