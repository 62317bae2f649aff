import { eventLogContract } from "@medtrace/shared/ports/event-log.contract";
import type { EventLogStorage } from "@medtrace/shared/ports/event-log.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openKafkaEventLog } from "./event-log.ts";
import { removeTopic, someTopic, urlOf } from "./testing/topics.ts";

const brokers = realEngine("event-log");

if (brokers !== undefined) {
  eventLogContract("kafka", {
    module: new URL("../open.ts", import.meta.url),
    membersShare: true,
    async create(): Promise<EventLogStorage> {
      const topic = someTopic();
      const url = urlOf(brokers, topic);
      return {
        url,
        open: (opening) => openKafkaEventLog({ url, ...opening }),
        [Symbol.asyncDispose]: () => removeTopic(url, topic),
      };
    },
  });
}
