/** The link to the page itself: what was searched for, with patients by their tokens and nothing that was sealed. */
import { subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { Search } from "./find.ts";
import type { Request } from "./parameters.ts";

/** Parameters whose values may say who somebody is: their values are not repeated. */
const PERSONAL = /\.identifier$|^(?:address|agent-name|entity-name)$/;

/** The query string of the search as it was understood; of a later page, only its size. */
export function selfQuery({ criteria, order, count }: Search, { given, answer }: Request): string {
  const query = new URLSearchParams();
  for (const [i, { name, modifier, values }] of given.entries()) {
    const criterion = criteria[i];
    const any = criterion?.kind === "named" ? criterion.any : [];
    const tokens = any.flatMap(({ token }) => (token === undefined ? [] : [subjectRecordId(token)]));
    const isUnknown = any.length > 0 && any.every(({ ids, token }) => ids.length === 0 && token === undefined);
    if (tokens.length > 0) query.append(name.replace(/\.identifier$/, ""), tokens.join(","));
    else if (isUnknown || PERSONAL.test(name)) query.append(name, "");
    else query.append(modifier === undefined ? name : `${name}:${modifier}`, values.map(escaped).join(","));
  }
  if (answer["_page"] === undefined) query.append("_sort", order === "newest-first" ? "-date" : "date");
  query.append("_count", String(count));
  return query.toString();
}

function escaped(value: string): string {
  return value.replace(/,/g, "\\,");
}
