/** The verdict in words, for people who were not there. Text from the file is shown so that it cannot pose as ours. */
import type {
  CheckpointFacts,
  EventAnchor,
  EventFacts,
  EventVerdict,
  FabricFacts,
  FeedFacts,
  LedgerFacts,
  Verdict,
} from "./verdict.ts";

const UNCHECKED: readonly string[] = [
  "sealed parts were not opened: what identifies persons is encrypted, and only its bytes are covered",
  "completeness is not claimed: other events may exist, and the file does not say that it holds them all",
  "event ids were not derived anew: that takes the source's message id, which is sealed",
  "whether what the source reported is true: the proof covers what was reported, not what happened",
  "times are those that the source and the receiving service wrote; no other clock vouches for them",
];

const UNCHECKED_ON_FABRIC: readonly string[] = [
  "revocation: a certificate that its CA withdrew before the transaction is taken as valid; ask the CA for its list",
  "the times of transaction and read are by the clocks of those who asked for them",
];

/** What no verdict of this verifier says. */
export function unchecked({ fabric }: LedgerFacts): readonly string[] {
  return fabric === undefined ? UNCHECKED : [...UNCHECKED, ...UNCHECKED_ON_FABRIC];
}

/** 0 proven, 1 refuted, 2 cannot tell. */
export function exitCode(verdict: Pick<Verdict, "verdict">): 0 | 1 | 2 {
  return verdict.verdict === "proven" ? 0 : verdict.verdict === "refuted" ? 1 : 2;
}

/** One sentence for each event that was proved. */
export function proofs(events: readonly EventVerdict[], ledger: LedgerFacts): readonly string[] {
  return events.map((event) => [`event ${event.id}`, ...storyOf(event, ledger)].join("; "));
}

/** What the verdict rests on and the file cannot show. */
export function trusts({ checkpoint, fabric }: LedgerFacts): readonly string[] {
  if (fabric !== undefined) return trustsOnFabric(fabric);
  return checkpoint === undefined || checkpoint.keys.length === 0 ? [] : trustsOnKey(checkpoint);
}

function trustsOnKey(checkpoint: CheckpointFacts): readonly string[] {
  const keys = checkpoint.keys.map((key) => shown(key)).join(", ");
  const key = checkpoint.pinned
    ? `that the key you gave is the ledger's: ${keys}`
    : `THE KEY. It came with the file itself: ${keys}. Whoever made the file may have made the key. Get the ledger's key ` +
      "from its operators by another way, and run again with --trust KEY";
  return [
    key,
    `that the keepers of ${shown(checkpoint.origin)} show everyone the same log: compare checkpoints with others to see it`,
    "that an institution named as the producer or the ledger owner is who it says, as the ledger admitted it",
  ];
}

function trustsOnFabric({ channel, chaincode, organisations }: FabricFacts): readonly string[] {
  if (organisations.length === 0) return [];
  return [
    `that the CA certificates you gave are those of ${organisations.join(", ")}, and that these are all of the channel's organisations`,
    `that chaincode ${shown(chaincode)} of channel ${shown(channel)} is the ledger that is meant`,
    "that no majority of these organisations agreed to sign what their ledgers do not hold",
    "that an institution named as the producer is who it says, as the owner of the batch admitted it",
  ];
}

/** The whole verdict as text for a terminal, ending in a newline. */
export function reportText(verdict: Verdict): string {
  const { checkpoint, fabric, events } = verdict;
  const lines: string[] = [HEADLINES[verdict.verdict]];
  if (checkpoint !== undefined) {
    lines.push(`Ledger ${shown(checkpoint.origin)}, checkpoint of ${count(checkpoint.size, "block")}`);
  }
  if (fabric !== undefined) {
    lines.push(`Channel ${shown(fabric.channel)}, chaincode ${shown(fabric.chaincode)}, on Hyperledger Fabric`);
    lines.push(`CAs given: ${some(fabric.organisations)}`);
  }
  if (verdict.reasons.length > 0) lines.push("", "Why", ...verdict.reasons.flatMap((reason) => item(reason)));
  if (verdict.verdict === "proven") lines.push("", `What was proved, of ${count(events.length, "event")}`);
  else if (events.length > 0) lines.push("", "Each event, as the file states it");
  events.forEach((event, index) => void lines.push(...paragraph(event, index + 1, verdict)));
  if (verdict.onTrust.length > 0) lines.push("", "Taken on trust", ...verdict.onTrust.flatMap(item));
  lines.push("", "Not checked", ...verdict.notChecked.flatMap(item));
  const passed = verdict.steps.filter((step) => step.passed).length;
  lines.push("", `${passed} of ${count(verdict.steps.length, "check")} passed`);
  return `${lines.join("\n")}\n`;
}

const HEADLINES = {
  proven: "PROVEN: every check passed",
  refuted: "REFUTED: this is not what the ledger holds",
  "cannot-tell": "CANNOT TELL: not every check could be decided",
} as const;

function paragraph(event: EventVerdict, position: number, verdict: Verdict): string[] {
  const mark = verdict.verdict === "proven" ? "" : ` [${event.verdict}]`;
  const story = storyOf(event, verdict).map((line) => `     ${line}`);
  return [`  ${position}. ${event.id || event.at}${mark}`, ...story];
}

/** Who did what to which records and when, as the event's text states it, and where the ledger holds it. */
function storyOf({ facts, anchor }: EventVerdict, ledger: LedgerFacts): string[] {
  const lines: string[] = [];
  if (facts !== undefined) {
    const { activity, source, occurred, recorded, received } = facts;
    const start = occurred === undefined ? "" : `occurred ${shown(occurred.start.given)}, `;
    const records = facts.records.map((record) => `${shown(record.id)} (${shown(record.role)})`);
    lines.push(
      `institution ${shown(facts.institution)}: ${shown(activity.kind)} (${shown(source.type)}), ${shown(facts.outcome)}`,
      `${start}recorded ${shown(recorded.given)}, received ${shown(received.given)}`,
      `agents: ${some(facts.agents.map((agent) => shown(agent.id)))}`,
      `records: ${some(records)}`,
    );
    if (facts.feed !== undefined) lines.push(...feedOf(facts.feed, facts));
  }
  if (anchor !== undefined) lines.push(...placeOf(anchor, ledger));
  return lines;
}

/** What a feed statement states of its period. */
function feedOf(feed: FeedFacts, { occurred }: Pick<EventFacts, "occurred">): string[] {
  const { system, entry, process, place, messages, repeated, lastMessage, numbers } = feed;
  const ranges = (numbers?.taken ?? []).map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
  const from = shown(occurred?.start.given ?? "");
  const to = shown(occurred?.end?.given ?? "");
  return [
    `feed ${shown(system)} by ${shown(entry)}, as process ${shown(process)} states in its statement ${place + 1}:`,
    `from ${from} until before ${to} it took ${messages === 0 ? "no message" : count(messages, "message")}` +
      `${repeated === 0 ? "" : `, and ${repeated} again`}; the last one before the end: ${shown(lastMessage ?? "none")}`,
    ...(ranges.length === 0 ? [] : [`numbers of the sender that it took: ${some(ranges)}`]),
  ];
}

function placeOf(anchor: EventAnchor, { checkpoint, fabric }: LedgerFacts): string[] {
  const { endorsed } = anchor;
  const place =
    `ledger: record ${anchor.index + 1} of ${anchor.count} in batch ${anchor.sequence} of stream ${anchor.stream}, ` +
    `owner ${anchor.owner}, block ${anchor.block}`;
  if (fabric === undefined) return [`${place}, checkpoint of ${count(checkpoint?.size ?? 0, "block")}`];
  if (endorsed === undefined) return [place];
  return [
    place,
    `written ${endorsed.written} by transaction ${shown(endorsed.transaction)}, endorsed by ${some(endorsed.writtenBy)}`,
    `found committed ${endorsed.read} by peers of ${some(endorsed.readBy)}`,
  ];
}

function item(text: string): string[] {
  return [`  - ${shown(text, 2_000)}`];
}

function some(items: readonly string[]): string {
  if (items.length === 0) return "none";
  return items.length <= 20 ? items.join(", ") : `${items.slice(0, 20).join(", ")} and ${items.length - 20} more`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** Text from the file with control, format and other invisible characters spelt out, and cut at a length. */
function shown(text: string, charactersMax = 200): string {
  const visible = text.replace(/[^\P{C}]|[\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return visible.length <= charactersMax ? visible : `${visible.slice(0, charactersMax)}…`;
}
