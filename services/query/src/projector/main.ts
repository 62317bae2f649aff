/** The projector as a process of its own: any number may run, of which one projects and the others wait. */
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { projectorSettings } from "../config.ts";
import { startProjector } from "./service.ts";

const log = createLogger({ name: "projector" });
const projector = await startProjector(projectorSettings(), log);
log.info({ address: projector.url }, "ready");
await runUntilSignal([projector], { log });
