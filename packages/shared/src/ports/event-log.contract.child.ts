/** Appends until it is killed, and says every record that was acknowledged. Run by the contract's kill test. */
import { writeSync } from "node:fs";
import { valueUnder } from "./event-log.contract.kit.ts";
import type { EventLog } from "./event-log.ts";

const CALLS_AT_ONCE = 6;
const RECORDS = 5;

const [module = "", url = "", run = "", callsMax = "0"] = process.argv.slice(2);
const engine = (await import(module)) as { openEventLog(url: string): Promise<EventLog> };
await using log = await engine.openEventLog(url);
let made = 0;

async function append(): Promise<void> {
  const ids = Array.from({ length: RECORDS }, () => `${run}-${String(made++).padStart(8, "0")}`);
  const positions = await log.append(ids.map((id, i) => ({ key: `key-${i}`, value: valueUnder(id) })));
  const said = positions.map((position, i) => JSON.stringify({ ...position, id: ids[i] }));
  writeSync(1, `${said.join("\n")}\n`);
}

for (let calls = 0; calls < Number(callsMax); calls += CALLS_AT_ONCE) {
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, append));
}
