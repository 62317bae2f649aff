/** Reading as of one moment: every answer of several queries comes from one state of the database. */
import type { Checkpoint } from "@medtrace/shared/ports/projection";
import type { ClientSession, Db } from "mongodb";
import { type Collections, collectionsOf, type StateDocument } from "./schema.ts";
import { readState } from "./state.ts";

/** The database as it was when the reading began. */
export interface Snapshot {
  readonly state: StateDocument;
  readonly at: Collections;
  /** Every query of the reading is given it. */
  readonly session: ClientSession;
}

/** Reads by `work`; it must end within minutes, as the server does not keep the past for longer. */
export function reading<T>(db: Db, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  return db.client.withSession({ snapshot: true }, async (session) => {
    const state = await readState(db, session);
    return work({ state, at: collectionsOf(db, state.generation), session });
  });
}

/** Where the projector stood in this state. */
export function checkpointOf({ block, hash }: StateDocument): Checkpoint | undefined {
  return block < 0 ? undefined : { block, hash };
}
