/**
 * Bodies in a content coding (RFC 9110 section 8.4): gzip is undone on every route, in memory that does not depend on the
 * body's length; how much a body may grow is limited, as a few kilobytes can stand for gigabytes.
 */
import { type Readable, Transform } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyInstance } from "fastify";

/** A body may grow so far whatever it came as … */
const EXPANDED_BYTES_FREE = 16 * 1_048_576;
/** … and beyond that to so many times what came. Audit records shrink to a twentieth, the same record repeated to less. */
const EXPANSION_MAX = 250;
const IDENTITY = /^(?:identity)?$/i;
const GZIP = /^(?:x-)?gzip$/i;

/** Decodes gzip, and refuses every other coding before anything of the body is read. */
export function decodeBodies(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    const coding = request.headers["content-encoding"];
    if (coding === undefined || IDENTITY.test(coding) || GZIP.test(coding)) return done();
    reply.header("accept-encoding", "gzip, identity");
    done(
      new MedtraceError("INPUT_UNSUPPORTED", "a body in this content coding is not taken", {
        at: "Content-Encoding",
        hint: "send it by gzip, or as it is",
      }),
    );
  });
  app.addHook("preParsing", (request, reply, payload, done) => {
    const coding = request.headers["content-encoding"];
    if (coding === undefined || !GZIP.test(coding)) return done(null, payload);
    const body = expanded(payload as Readable);
    reply.raw.once("close", () => body.destroy());
    done(null, body);
  });
}

/** What a stream of gzip holds; it ends with a MedtraceError where it is none, breaks off, or grows too far. */
export function expanded(packed: Readable): Readable {
  const gunzip = createGunzip();
  const measured = measure(gunzip);
  const broken = (cause: Error): void => {
    measured.destroy(
      new MedtraceError("INPUT_MALFORMED", "the body is not whole as gzip", {
        at: "body",
        hint: "send it again, as gzip writes it, or without Content-Encoding",
        cause,
      }),
    );
  };
  packed.once("error", broken);
  gunzip.once("error", broken);
  // Whoever reads it is told; a request that is answered before its body is read has no reader.
  measured.on("error", () => {});
  measured.once("close", () => {
    // Were the request destroyed, its answer would be lost: what is left of the body is read and dropped.
    packed.unpipe(gunzip);
    packed.resume();
    gunzip.destroy();
  });
  packed.pipe(gunzip).pipe(measured);
  return measured;
}

function measure(gunzip: Gunzip): Transform {
  let bytes = 0;
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      if (bytes <= EXPANDED_BYTES_FREE || bytes <= gunzip.bytesWritten * EXPANSION_MAX) return done(null, part);
      done(
        new MedtraceError("INPUT_TOO_LARGE", `the body grows to more than ${EXPANSION_MAX} times what was sent`, {
          at: "body",
          hint: "send it without Content-Encoding",
        }),
      );
    },
  });
}
