// Markup of what surrounds the results: the sums of all that match, the filters beside them, the chips above. Data in, text out.
import { icon } from "../icons";
import { count, safe, span } from "../text";
import type { Choices, Counts, Group, Saved } from "./library_shapes";
import { SORTS, type Sort } from "./library_store";
import { chips, type FilterName, type ListName } from "./query";

/** 95 % Wilson score interval of k successes in n, in whole percents. */
export function wilson(k: number, n: number): [number, number] {
  if (n === 0) return [0, 100];
  const z = 1.959964;
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [Math.round(100 * Math.max(0, middle - half)), Math.round(100 * Math.min(1, middle + half))];
}

export function hours(seconds: number): string {
  return seconds < 3600 ? span(seconds) : `${(seconds / 3600).toFixed(1)} h`;
}

const grouped = (n: number): string => n.toLocaleString("en-GB").replaceAll(",", " ");

export function sums(c: Counts | null): string {
  const cell = (big: string, small: string, look = ""): string =>
    `<div><div class="hero ${look}">${big}</div><div class="l">${small}</div></div>`;
  if (!c) return cell("–", "episodes") + cell("–", "recorded") + cell("–", "success") + cell("–", "to review");
  const judged = c.outcomes.success + c.outcomes.failure;
  const [low, high] = wilson(c.outcomes.success, judged);
  const share = judged ? `${Math.round((100 * c.outcomes.success) / judged)} %` : "–";
  const waiting = c.episodes - c.reviewed;
  const mean = c.episodes ? `mean ${span(c.seconds / c.episodes)}` : "nothing matches";
  return [
    cell(grouped(c.episodes), c.episodes === 1 ? "episode" : "episodes"),
    cell(hours(c.seconds), `recorded, ${mean}`),
    cell(share, judged ? `success, ${low}–${high}, n ${grouped(judged)}` : "success, nothing labelled"),
    cell(grouped(c.outcomes.failure), "failures"),
    cell(grouped(c.outcomes.unlabelled), "without a label"),
    cell(grouped(waiting), "not reviewed by a person", waiting ? "warn" : ""),
  ].join("");
}

/** Bars of the largest groups; each is a filter. */
export function groupList(field: ListName, rows: readonly Group[], filter: URLSearchParams): string {
  if (rows.length === 0) return '<p class="muted s11">Nothing matches.</p>';
  const most = Math.max(...rows.map((row) => row.episodes));
  const on = new Set(filter.getAll(field));
  return rows
    .slice(0, 8)
    .map((row) => {
      const judged = row.success + row.failure;
      const share = judged ? `${Math.round((100 * row.success) / judged)} %` : "–";
      const name = row.label || (field === "person" ? "nobody" : "not named");
      const title = `${name}: ${count(row.episodes, "episode")}, ${hours(row.seconds)}, ${row.success} of ${judged} succeeded`;
      return `<button type="button" class="grp" aria-pressed="${on.has(row.value)}" data-do="toggle" data-field="${field}" data-value="${safe(row.value)}" title="${safe(title)}"${row.value ? "" : " disabled"}><span class="el">${safe(name)}</span><span class="n">${grouped(row.episodes)}</span><span class="n muted">${share}</span><span class="meter"><i style="width:${((100 * row.episodes) / most).toFixed(1)}%"></i></span></button>`;
    })
    .join("");
}

function pickable(field: ListName, value: string, text: string, filter: URLSearchParams): string {
  const on = filter.getAll(field).includes(value);
  return `<button type="button" class="chip pickable ${on ? "acc" : ""}" aria-pressed="${on}" data-do="toggle" data-field="${field}" data-value="${safe(value)}">${safe(text)}</button>`;
}

function some(title: string, inside: string): string {
  return inside ? `<div class="facet"><h3>${title}</h3><div class="row wrap">${inside}</div></div>` : "";
}

function select(field: FilterName, label: string, options: [string, string][], now: string): string {
  const made = options.map(
    ([value, text]) => `<option value="${safe(value)}"${value === now ? " selected" : ""}>${safe(text)}</option>`,
  );
  return `<label class="facet"><h3>${label}</h3><span class="field"><select data-field="${field}">${made.join("")}</select></span></label>`;
}

const OUTCOMES: [string, string][] = [
  ["success", "success"],
  ["failure", "failure"],
  ["unlabelled", "no label"],
];

/** The column of filters below the groups. */
export function facets(c: Choices, filter: URLSearchParams): string {
  const many = (field: ListName, values: readonly string[], word = (v: string): string => v): string =>
    values.map((value) => pickable(field, value, word(value), filter)).join("");
  const datasets: [string, string][] = c.datasets.flatMap((d) => [
    [d.id, d.name] as [string, string],
    ...d.versions.map((n): [string, string] => [`${d.id}:${n}`, `${d.name}, version ${n}`]),
  ]);
  return [
    some("How it ended", OUTCOMES.map(([value, text]) => pickable("outcome", value, text, filter)).join("")),
    some("Kind of failure", many("failure", c.failures)),
    some(
      "Quality",
      many("quality", ["1", "2", "3", "4", "5", "none"], (v) => v),
    ),
    some("Tags", many("tag", c.tags.slice(0, 24))),
    some(
      "Findings",
      many("finding", c.findings, (v) => v.replaceAll("_", " ")),
    ),
    some(
      "Check",
      many("status", ["received", "ready", "warned", "rejected"], (v) => ({ received: "being checked" })[v] ?? v),
    ),
    some("Who drove", many("mix", c.mixes)),
    some("Campaign", c.campaigns.map((one) => pickable("campaign", one.id, one.name, filter)).join("")),
    c.sites.length > 1 ? some("Site", c.sites.map((s) => pickable("site", s.id, s.name, filter)).join("")) : "",
    select(
      "reviewed",
      "Reviewed",
      [
        ["", "either"],
        ["no", "not yet"],
        ["yes", "by a person"],
        ["second", "second look asked"],
      ],
      filter.get("reviewed") ?? "",
    ),
    select(
      "dataset",
      "Dataset",
      [["", "any or none"], ["none", "in no frozen version"], ...datasets],
      filter.get("dataset") ?? "",
    ),
    `<div class="facet"><h3>Recorded, days in UTC</h3><div class="row"><span class="field"><input type="date" data-field="since" aria-label="From" value="${safe(filter.get("since") ?? "")}"></span><span class="field"><input type="date" data-field="until" aria-label="Until" value="${safe(filter.get("until") ?? "")}"></span></div></div>`,
    `<div class="facet"><button type="button" class="chip pickable ${filter.get("removed") ? "acc" : ""}" aria-pressed="${filter.get("removed") === "yes"}" data-do="removed">${icon("bin")}removed</button></div>`,
  ].join("");
}

/** The filters that act, each with its way out; and what can be done with all of them. Empty without filters. */
export function chipRow(filter: URLSearchParams, nameOf: (field: FilterName, value: string) => string): string {
  const made = chips(filter, nameOf).map(
    (chip) =>
      `<button type="button" class="chip acc pickable" data-do="drop" data-field="${chip.field}" data-value="${safe(chip.value)}" aria-label="Remove the filter ${safe(chip.text)}">${safe(chip.text)}${icon("cross")}</button>`,
  );
  if (made.length === 0) return "";
  return `${made.join("")}<button type="button" class="btn quiet" data-do="clear">Clear</button><button type="button" class="btn quiet" data-do="save">${icon("plus")}Save filter</button><button type="button" class="btn quiet" data-do="link">${icon("copy")}Copy link</button>`;
}

/** The menu of filters that this person keeps. */
export function savedMenu(saved: readonly Saved[]): string {
  const mine = saved.map(
    (one) =>
      `<span class="row"><button type="button" data-do="saved" data-query="${safe(one.query)}">${icon("search")}<span class="el">${safe(one.name)}</span></button><button type="button" class="narrow" data-do="forget" data-id="${safe(one.id)}" aria-label="Forget ${safe(one.name)}">${icon("bin")}</button></span>`,
  );
  const none = '<span class="muted s11 pad">None yet. Choose some filters, then keep them under a name.</span>';
  return `<summary class="btn">Saved filters${saved.length ? ` ${saved.length}` : ""}${icon("down")}</summary><div class="sheet">${mine.join("") || none}</div>`;
}

export function sorts(now: Sort): string {
  const words: Record<Sort, string> = {
    newest: "Newest first",
    oldest: "Oldest first",
    longest: "Longest first",
    shortest: "Shortest first",
  };
  return SORTS.map((sort) => `<option value="${sort}"${sort === now ? " selected" : ""}>${words[sort]}</option>`).join(
    "",
  );
}
