/** Bodies that are read whole: bounded each, and over all requests that hold one until they are answered. */
import type { Readable } from "node:stream";
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** A content type parser that gives the body's bytes. */
export type WholeBody = (request: FastifyRequest, payload: Readable) => Promise<Buffer>;

declare module "fastify" {
  interface FastifyInstance {
    /** A parser of bodies up to so many bytes; for `addContentTypeParser`, without `parseAs`. */
    readonly wholeBody: (bytesMax: number) => WholeBody;
  }
}

const HELD = Symbol("held");
interface Held {
  bytes: number;
  /** Nothing will be answered any more. */
  readonly isGone: () => boolean;
}
type WithHeld = FastifyRequest & { [HELD]: Held | null };

/** Adds `wholeBody` to the instance. Beyond `heldBytesMax` over all requests, 503: except for one body alone. */
export function holdBodies(app: FastifyInstance, heldBytesMax: number): void {
  let heldBytes = 0;
  const hold = (own: Held, bytes: number): void => {
    own.bytes += bytes;
    heldBytes += bytes;
  };
  app.decorateRequest(HELD, null);
  app.addHook("preParsing", (request, { raw }, payload, done) => {
    const own: Held = { bytes: 0, isGone: () => raw.closed };
    (request as WithHeld)[HELD] = own;
    raw.once("close", () => hold(own, -own.bytes));
    done(null, payload);
  });
  app.addHook("onError", ({ raw }, reply, _error, done) => {
    // A connection that is closed with bytes unread is reset, and the answer lost with it: the rest is read and dropped,
    // for as long as a request may take.
    if (!raw.complete && !raw.destroyed) {
      reply.removeHeader("connection");
      raw.resume();
    }
    done();
  });
  app.decorate("wholeBody", (bytesMax) => async (request, payload) => {
    const own = (request as WithHeld)[HELD];
    if (own === null) throw new TypeError("a body is read before its request was looked at");
    if (Number(request.headers["content-length"]) > bytesMax) throw tooLarge(bytesMax);
    const take = (bytes: number): void => {
      hold(own, bytes);
      if (own.bytes > bytesMax) throw tooLarge(bytesMax);
      if (heldBytes > heldBytesMax && heldBytes > own.bytes) throw busy();
    };
    try {
      return await readAll(payload, take);
    } catch (error) {
      hold(own, -own.bytes);
      throw error;
    } finally {
      if (own.isGone()) hold(own, -own.bytes);
    }
  });
}

/** @param take is told of each part's length, and refuses the body by throwing. */
function readAll(payload: Readable, take: (bytes: number) => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  const onData = (part: Buffer): void => {
    try {
      take(part.length);
      parts.push(part);
    } catch (error) {
      payload.off("data", onData);
      reject(error);
    }
  };
  payload.on("data", onData);
  payload.once("end", () => resolve(Buffer.concat(parts)));
  payload.once("error", (cause) =>
    reject(
      cause instanceof MedtraceError
        ? cause
        : new MedtraceError("INPUT_MALFORMED", "the body broke off", {
            at: "body",
            hint: "send it again, whole",
            cause,
          }),
    ),
  );
  return promise;
}

function tooLarge(bytesMax: number): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", `the body is over ${bytesMax} bytes`, {
    at: "body",
    hint: "send less at once",
  });
}

function busy(): MedtraceError {
  return new MedtraceError("BUSY", "too much is being taken at once", { at: "body", hint: "send it again later" });
}
