/** Applies blocks until it is killed, and says each that is applied. Run by the contract's kill test. */
import { writeSync } from "node:fs";
import { busyBlock } from "./projection.fixtures.ts";
import type { Projection } from "./projection.ts";

const [module = "", url = "", blocksMax = "0"] = process.argv.slice(2);
const engine = (await import(module)) as { openProjection(url: string): Promise<Projection> };
await using projection = await engine.openProjection(url);
const from = ((await projection.checkpoint())?.block ?? -1) + 1;
for (let number = from; number < from + Number(blocksMax); number++) {
  await projection.apply(busyBlock(number));
  writeSync(1, `${number}\n`);
}
