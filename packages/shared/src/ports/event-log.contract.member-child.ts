/** Is a member of a group until it is killed, and says each set of partitions that it is given. Run by the contract. */
import { writeSync } from "node:fs";
import type { EventLog } from "./event-log.ts";

const [module = "", url = "", group = ""] = process.argv.slice(2);
const engine = (await import(module)) as { openEventLog(url: string): Promise<EventLog> };
await using log = await engine.openEventLog(url);
for await (const set of log.assignments(group, new AbortController().signal)) {
  if (set.length > 0) writeSync(1, `${JSON.stringify(set)}\n`);
}
