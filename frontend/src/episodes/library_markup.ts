// The frame of the library page, and the small questions it asks of elements and names. Data in, text out.
import { icon } from "../icons";
import { safe } from "../text";
import { sorts, sums } from "./facets";
import type { Choices } from "./library_shapes";
import type { Sort } from "./library_store";
import type { FilterName } from "./query";

/** What is counted by: the group's name, its title, the filter it is. */
export const GROUPS = [
  ["task", "Tasks", "task"],
  ["person", "People", "person"],
  ["robot", "Robots", "robot"],
] as const;

export function boxAt(target: EventTarget | null): HTMLElement | null {
  if (!(target instanceof Element)) return null;
  return target.closest(".ecard")?.querySelector<HTMLElement>("[data-strip]") ?? null;
}

/** Cards in one row, 1 for the lines of a table. */
export function across(page: HTMLElement): number {
  const cards = [...page.querySelectorAll<HTMLElement>(".ecards .ecard")];
  const below = cards.findIndex((one) => one.offsetTop > (cards[0]?.offsetTop ?? 0));
  return below > 0 ? below : Math.max(1, cards.length);
}

export function isField(element: Element | null): boolean {
  return element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
}

/** The name that people know a value of the filter by. */
export function nameOf(known: Choices, field: FilterName, value: string): string {
  const lists = {
    robot: known.robots,
    site: known.sites,
    person: known.people,
    campaign: known.campaigns,
  } as Record<string, { id: string; name: string }[]>;
  if (field === "dataset" && value !== "none") {
    const [id, number] = value.split(":");
    const name = known.datasets.find((one) => one.id === id)?.name ?? "unknown";
    return number ? `${name}, version ${number}` : name;
  }
  return lists[field]?.find((one) => one.id === value)?.name ?? value.replaceAll("_", " ");
}

export function shell(search: string, sort: Sort, view: string): string {
  const pick = (name: string, mark: "grid" | "list", word: string): string =>
    `<button type="button" data-do="view" data-value="${name}" aria-pressed="${view === name}">${icon(mark)}${word}</button>`;
  const by = GROUPS.map(
    ([name, title]) =>
      `<div class="facet"><h3>${title}<span class="sp"></span><span class="n muted">success</span></h3><div data-part="by-${name}"></div></div>`,
  ).join("");
  return `<div class="head"><h1>Episodes</h1><span class="seg" role="group" aria-label="View">${pick("grid", "grid", "Pictures")}${pick("list", "list", "Table")}</span><span class="sp"></span>
    <details class="menu" data-part="saved"></details><span class="field"><select data-field="sort" aria-label="Order">${sorts(sort)}</select></span>
    <label class="field wide">${icon("search")}<span class="sr">Search episodes</span><input type="search" value="${safe(search)}" placeholder="Words, robot, person" autocomplete="off" spellcheck="false"><kbd>/</kbd></label></div>
  <section class="panel kpi" data-part="sums" aria-label="All that match">${sums(null)}</section>
  <div class="row wrap strip" data-part="chips"></div>
  <div class="lib"><aside class="panel side" aria-label="Filters">${by}<div data-part="facets"></div></aside>
  <div class="results"><div data-part="body"></div><div class="row more" data-part="more"></div></div></div>
  <div class="bulk" data-part="bar" role="toolbar" aria-label="What to do with the selected episodes" hidden></div>`;
}
