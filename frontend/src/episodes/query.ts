// The library's filter as its address: the page's own query string is the filter, so a link is a filter. Pure.

export const LISTS = [
  "robot",
  "site",
  "person",
  "campaign",
  "task",
  "instruction",
  "outcome",
  "failure",
  "mix",
  "quality",
  "finding",
  "tag",
  "status",
] as const;
export const SINGLES = ["search", "since", "until", "dataset", "reviewed", "removed"] as const;
export type ListName = (typeof LISTS)[number];
export type SingleName = (typeof SINGLES)[number];
export type FilterName = ListName | SingleName;

const KNOWN = new Set<string>([...LISTS, ...SINGLES]);

/** Only the fields of a filter, in one order, each value once, so that equal filters have equal text. */
export function canonical(given: URLSearchParams): URLSearchParams {
  const made = new URLSearchParams();
  for (const name of [...SINGLES, ...LISTS]) {
    const values = [...new Set(given.getAll(name).filter((value) => value !== ""))].sort();
    if ((SINGLES as readonly string[]).includes(name)) {
      const last = given.getAll(name).at(-1);
      if (last) made.set(name, last);
    } else for (const value of values) made.append(name, value);
  }
  return made;
}

export function isEmpty(filter: URLSearchParams): boolean {
  return ![...filter.keys()].some((name) => KNOWN.has(name));
}

/** The filter with one value of a list put in or taken out. */
export function toggled(filter: URLSearchParams, name: ListName, value: string): URLSearchParams {
  const made = new URLSearchParams(filter);
  const values = made.getAll(name);
  made.delete(name);
  const rest = values.filter((one) => one !== value);
  if (rest.length === values.length) rest.push(value);
  for (const one of rest) made.append(name, one);
  return canonical(made);
}

/** The filter with one field set to one value; "" takes the field away. */
export function withValue(filter: URLSearchParams, name: FilterName, value: string): URLSearchParams {
  const made = new URLSearchParams(filter);
  made.delete(name);
  if (value) made.set(name, value);
  return canonical(made);
}

export function without(filter: URLSearchParams, name: FilterName, value: string): URLSearchParams {
  const made = new URLSearchParams(filter);
  const rest = made.getAll(name).filter((one) => one !== value);
  made.delete(name);
  for (const one of rest) made.append(name, one);
  return canonical(made);
}

const WORDS: Record<string, string> = {
  search: "words",
  person: "driven by",
  mix: "drove",
  finding: "finding",
  since: "from",
  until: "until",
  dataset: "dataset",
};

/** "outcome: failure": one chip for each value, with the names that people know. */
export function chips(
  filter: URLSearchParams,
  nameOf: (field: FilterName, value: string) => string,
): { field: FilterName; value: string; text: string }[] {
  return [...canonical(filter)].map(([field, value]) => {
    const known = field as FilterName;
    return { field: known, value, text: chipText(known, nameOf(known, value)) };
  });
}

function chipText(field: FilterName, name: string): string {
  if (field === "removed") return "removed";
  if (field === "reviewed") return { yes: "reviewed", no: "not reviewed", second: "second look asked" }[name] ?? name;
  if (field === "outcome") return name === "unlabelled" ? "no label" : name;
  if (field === "quality") return name === "none" ? "no quality" : `quality ${name}`;
  if (field === "dataset" && name === "none") return "in no dataset";
  return `${WORDS[field] ?? field} ${name}`;
}
