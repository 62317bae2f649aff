/** HL7 v2 over HTTP: `POST /hl7v2` takes ER7, one message or a batch, and answers the acknowledgments. */

import { httpStatus } from "@medtrace/service-kit/http-status";
import { hasCode } from "@medtrace/shared/errors";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { MessageOutcome, Take, Taken } from "./take.ts";

const ER7 = "application/hl7-v2; charset=utf-8";
const MEDIA_TYPES = [
  "application/hl7-v2",
  "application/hl7-v2+er7",
  "x-application/hl7-v2+er7",
  "application/octet-stream",
  "text/hl7",
  "text/plain",
];

export interface Hl7RoutesOptions {
  readonly take: Take;
  readonly bodyBytesMax: number;
}

/** Adds the route, in a context of its own so that its media types are its own. */
export function addHl7Routes(app: FastifyInstance, { take, bodyBytesMax }: Hl7RoutesOptions): void {
  app.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser(MEDIA_TYPES, own.wholeBody(bodyBytesMax));
    own.post(
      "/hl7v2",
      {
        config: { scope: "trace/events.write" },
        schema: {
          summary: "HL7 v2 in ER7: one message, a stream of messages, or a batch",
          description: `Answers the acknowledgments in ER7, or with Accept: application/json what became of each message. Takes ${MEDIA_TYPES.join(", ")}.`,
          consumes: MEDIA_TYPES,
          tags: ["HL7 v2"],
        },
      },
      async (request, reply) => {
        const taken = await take(request.caller.institution, request.body as Buffer);
        if (taken.messages.some((message) => isTransient(message))) reply.header("retry-after", "1");
        reply.code(statusOf(taken));
        return prefersJson(request.headers.accept) ? asJson(taken) : asEr7(reply, taken);
      },
    );
  });
}

function prefersJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/json\b/i.test(accept);
}

function isTransient(message: MessageOutcome): boolean {
  return hasCode(message.error, "BUSY", "RATE_LIMITED", "STORAGE_FAILED");
}

/** What a transient refusal of any message means; else 200 where anything was taken, or what the first refusal means. */
function statusOf({ messages }: Taken): number {
  const passing = messages.find(isTransient)?.error;
  if (passing !== undefined) return httpStatus(passing.code);
  if (messages.some((message) => message.status !== "refused")) return 200;
  const first = messages.find((message) => message.error !== undefined)?.error;
  return first === undefined ? 200 : httpStatus(first.code);
}

function asEr7(reply: FastifyReply, { replies }: Taken): FastifyReply {
  return replies.length === 0 ? reply.code(204).send() : reply.type(ER7).send(Buffer.concat(replies));
}

/** A problem's text says where and what is wrong; it never repeats what the message held. */
function asJson({ messages, faults }: Taken): object {
  const problem = (error: MessageOutcome["error"]): object | undefined =>
    error === undefined ? undefined : { code: error.code, message: error.message, at: error.at, hint: error.hint };
  return {
    messages: messages.map(({ status, controlId, ids, flags, error }) => ({
      status,
      controlId,
      ids,
      flags,
      error: problem(error),
    })),
    faults: faults.map(problem),
  };
}
