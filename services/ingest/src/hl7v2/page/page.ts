/** The mapping table as a page for people. */
import { HL7_FLAGS } from "../flags.ts";
import type { Path, RecordRow, RoleByCode, Rule } from "../map/rule.ts";
import { CHAPTERS, EXCHANGE, EXCHANGES } from "../map/table.ts";

const HEAD = `# HL7 v2: what is made of which message
Made from the table in \`services/ingest/src/hl7v2/map\` by \`npm run docs\`; a test holds it to the code.

Every message becomes one trace event, or one for each patient in it. **Done** is the event's activity, **records** are
what it touched: \`role Type\`, and by which fields its id is found (the first that has a value). Roles are PROV's:
*generated*, *used*, *revised*, *invalidated*; *source* (what was generated was derived from it), *revision* (replaced).
**To** says that MSH-6, else MSH-5, received the data. Types stand for all their events but those with a row of their own.

A row is code, in \`map/rows/\`:

\`\`\`ts
{
  on: "MDM^T11",
  what: "document cancelled",
  kind: "delete",
  records: [record("DocumentReference", "TXA-12", "invalidated", "TXA-2"), visit("used")],
  disclosed: true,
},
\`\`\`
`;

/** Content of `docs/hl7v2.md`. */
export function mappingPage(): string {
  const chapters = Object.entries(CHAPTERS).map(([name, rules]) => `## ${name}\n${table(rules)}`);
  const flags = Object.entries(HL7_FLAGS).map(([flag, meaning]) => `| \`${flag}\` | ${meaning} |`);
  return `${[
    HEAD,
    ...chapters,
    `## Everything else\n${table([EXCHANGE])}
Known as just that: ${EXCHANGES.join(", ")}. Any other type, and an event without a row of a type that has some, is flagged
\`hl7:unknown-message-type\`. ACK is not traced.
`,
    `## Flags\n| flag | meaning |\n|---|---|\n${flags.join("\n")}`,
  ].join("\n")}\n`;
}

function table(rules: readonly Rule[]): string {
  const rows = rules.map((rule) =>
    [
      rule.on === "" ? "" : rule.on.split(" ").join(", "),
      rule.what,
      rule.kind,
      rule.records.map(recordText).join("<br>"),
      aboutText(rule),
      rule.disclosed ? "MSH-6" : "",
    ].join(" | "),
  );
  return `| message | what it says | done | records | about | to |\n|---|---|---|---|---|---|\n${rows
    .map((row) => `| ${row} |`)
    .join("\n")}\n`;
}

function recordText({ type, id, role }: RecordRow): string {
  const by = typeof id === "string" ? (id === "patient" ? "PID" : "MRG") : fields(id);
  return `${typeof role === "string" ? role : "*by code*"} ${type} (${by})${typeof role === "string" ? "" : codes(role)}`;
}

function codes({ by, roles, otherwise }: RoleByCode): string {
  const named = Map.groupBy(roles, ([, role]) => role);
  const parts = Array.from(named, ([role, entries]) => `${role} for ${entries.map(([code]) => code).join(" ")}`);
  return `: by ${fields(by)} ${parts.join("; ")}; else ${otherwise}`;
}

function aboutText({ people, joins, groups, occurred }: Rule): string {
  const whom =
    people === undefined
      ? ""
      : people === "all"
        ? "all PIDs together"
        : people === "prior"
          ? "each pair of PID and MRG"
          : `the person in ${fields([people])}`;
  return [
    whom,
    joins ? "the people are one" : "",
    groups === undefined ? "" : `each ${groups.join(", else ")}`,
    occurred === undefined ? "" : `when: EVN-6, else ${fields(occurred)}`,
  ]
    .filter((text) => text !== "")
    .join("; ");
}

function fields(paths: readonly Path[]): string {
  return paths.map(({ segment, field }) => `${segment}-${field}`).join(", ");
}
