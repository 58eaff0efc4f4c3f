// <episode-library>: all episodes one may see under the filter in the page's address; sums, groups, cards, selection by pointer and keys.
import { keepFocus } from "../focus";
import { Refused } from "../http";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { count } from "../text";
import { toast } from "../toast";
import { BulkBar } from "./bulk_bar";
import { card, line, noneAtAll, noneMatches, notLoaded, skeletons, tableHead } from "./cards";
import { chipRow, facets, groupList, sums } from "./facets";
import { HoverLoop } from "./hover_loop";
import { placeOf, searchOf } from "./library_address";
import { keys } from "./library_keys";
import { boxAt, GROUPS, isField, nameOf, shell } from "./library_markup";
import type { Choices, Counts, LibraryRow } from "./library_shapes";
import * as store from "./library_store";
import { canonical, type FilterName, isEmpty, type ListName, toggled, without, withValue } from "./query";
import { copyLink, SavedFilters } from "./saved_filters";
import { Selection } from "./selection";
import { Watch } from "./watch";

const PAGE = 60;

export class EpisodeLibrary extends HTMLElement {
  readonly selection = new Selection();
  private leaving = new AbortController();
  private loading = new AbortController();
  private choosing = new AbortController();
  private readonly loop = new HoverLoop();
  bar!: BulkBar;
  private filter = new URLSearchParams();
  private sort: store.Sort = "newest";
  private view: "grid" | "list" = "grid";
  items: LibraryRow[] = [];
  private itemsOf = this.filter; // what the items match: while others are on their way, none of these can be selected
  private next = "";
  private known: Choices | null = null;
  private counted: Counts | null = null;
  private mine!: SavedFilters;
  private typing = 0;
  private readonly watch = new Watch(this);
  private fetching = false;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.readAddress();
    this.innerHTML = shell(this.filter.get("search") ?? "", this.sort, this.view);
    this.mine = new SavedFilters(this.at("saved"), signal);
    this.bar = new BulkBar(this.at("bar"), this, signal);
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    this.addEventListener("choose-all", () => void this.chooseAll(), { signal });
    this.addEventListener("pointerover", (event) => this.loop.on(boxAt(event.target)), { signal });
    this.addEventListener("pointerleave", () => this.loop.stop(), { signal });
    this.addEventListener("focusin", (event) => this.loop.on(boxAt(event.target)), { signal });
    this.search.addEventListener("input", () => this.typed(), { signal });
    window.addEventListener("popstate", () => this.returned(), { signal });
    window.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    bindKeys(keys(this), signal);
    void this.loadAll();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.loading.abort();
    this.choosing.abort();
    this.loop.stop();
    this.watch.stop();
  }

  // -- what the bar and the watch ask ---------------------------------------------------------------------------

  choices(): Choices | null {
    return this.known;
  }

  async changed(): Promise<void> {
    await this.loadAll(this.items.length);
  }

  /** In another order than by time, what is new is not the first. */
  async first(): Promise<string> {
    if (this.sort !== "newest") return this.items[0]?.id ?? "";
    return (await store.page(this.filter, this.sort, "", 1, this.loading.signal)).items[0]?.id ?? "";
  }

  cleared(): void {
    this.unselect();
    this.drawSelection();
    void this.loadChoices();
  }

  // -- the address is the filter -------------------------------------------------------------------

  private readAddress(): void {
    ({ filter: this.filter, sort: this.sort, view: this.view } = placeOf(window.location.search));
  }

  private writeAddress(): void {
    const { filter, sort, view } = this;
    window.history.pushState(null, "", searchOf({ filter, sort, view }) || window.location.pathname);
  }

  /** Nothing is selected, not even by an answer that is still on its way: keys must not label what is not shown. */
  private unselect(): void {
    this.choosing.abort();
    this.selection.clear();
  }

  private returned(): void {
    this.readAddress();
    this.unselect();
    this.search.value = this.filter.get("search") ?? "";
    void this.loadAll();
  }

  private refilter(filter: URLSearchParams): void {
    this.filter = canonical(filter);
    this.unselect();
    this.search.value = this.filter.get("search") ?? "";
    this.writeAddress();
    void this.loadAll();
  }

  private typed(): void {
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => {
      this.filter = withValue(this.filter, "search", this.search.value.trim());
      this.unselect();
      this.writeAddress();
      void this.loadAll();
    }, 200);
  }

  private chosen(event: Event): void {
    const field = event.target instanceof HTMLElement ? event.target.dataset.field : "";
    const value = (event.target as HTMLInputElement).value;
    if (field === "sort") {
      this.sort = value as store.Sort;
      this.writeAddress();
      void this.loadAll();
    } else if (field) this.refilter(withValue(this.filter, field as FilterName, value));
  }

  // -- loading -------------------------------------------------------------------------------------

  /** Everything under the filter anew, at least as many rows as were shown; the newest request wins. */
  private async loadAll(least = 0): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    const { filter } = this;
    this.watch.stop();
    if (this.items.length === 0) this.at("body").innerHTML = skeletons();
    void this.loadChoices();
    void this.loadSums(signal);
    try {
      let first = await store.page(this.filter, this.sort, "", Math.min(200, Math.max(PAGE, least)), signal);
      const items = first.items;
      while (first.next && items.length < least) {
        first = await store.page(this.filter, this.sort, first.next, 200, signal);
        items.push(...first.items);
      }
      this.items = items;
      this.itemsOf = filter;
      this.next = first.next;
      this.draw();
      this.watch.start();
    } catch (error) {
      this.failed(error, (sentence) => {
        this.items = [];
        this.at("body").innerHTML = notLoaded(sentence);
      });
    }
  }

  private async loadMore(): Promise<void> {
    if (!this.next || this.fetching || this.itemsOf !== this.filter) return;
    this.fetching = true;
    try {
      const page = await store.page(this.filter, this.sort, this.next, PAGE, this.loading.signal);
      const before = this.items.length;
      this.items.push(...page.items);
      this.next = page.next;
      const place = this.querySelector("[data-part=items]");
      place?.insertAdjacentHTML("beforeend", this.rows(this.items.slice(before)));
      this.drawMore();
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "Not loaded." }));
    } finally {
      this.fetching = false;
    }
  }

  private async loadChoices(): Promise<void> {
    try {
      this.known = await store.choices(this.leaving.signal);
      this.drawFilters();
      this.drawSelection();
    } catch (error) {
      this.failed(error, (sentence) => say(sentence));
    }
  }

  private async loadSums(signal: AbortSignal): Promise<void> {
    try {
      this.counted = await store.counts(this.filter, signal);
      this.at("sums").innerHTML = sums(this.counted);
      say(count(this.counted.episodes, "episode"));
      const made = await Promise.all(GROUPS.map(([by]) => store.groups(this.filter, by, signal)));
      GROUPS.forEach(([by, , field], number) => {
        this.write(`by-${by}`, groupList(field, made[number] ?? [], this.filter));
      });
    } catch (error) {
      this.failed(error, (sentence) => say(sentence));
    }
  }

  private failed(error: unknown, tell: (sentence: string) => void): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Refused)) throw error;
    tell(error.message);
  }

  // -- drawing -------------------------------------------------------------------------------------

  private rows(items: LibraryRow[]): string {
    const make = this.view === "grid" ? card : line;
    return items.map((one) => make(one, this.selection.has(one.id), this.itemsOf)).join("");
  }

  private draw(): void {
    this.dataset.view = this.view;
    this.loop.stop();
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-id]")?.dataset.id;
    if (this.items.length === 0) this.at("body").innerHTML = isEmpty(this.filter) ? noneAtAll() : noneMatches();
    else if (this.view === "grid")
      this.at("body").innerHTML = `<div class="ecards" data-part="items">${this.rows(this.items)}</div>`;
    else
      this.at("body").innerHTML =
        `<section class="panel tblwrap"><table class="tbl">${tableHead()}<tbody data-part="items">${this.rows(this.items)}</tbody></table></section>`;
    this.drawMore();
    this.drawFilters();
    this.drawSelection();
    if (focused) this.focusOn(focused);
  }

  private drawMore(): void {
    this.at("more").innerHTML = this.next
      ? `<button type="button" class="btn" data-do="more">Show more</button><span class="muted">${this.items.length} of ${this.counted?.episodes ?? "more"}</span>`
      : "";
  }

  private drawFilters(): void {
    if (!this.known) return;
    const known = this.known;
    this.write(
      "chips",
      chipRow(this.filter, (field, value) => nameOf(known, field, value)),
    );
    if (!this.at("facets").contains(document.activeElement) || !isField(document.activeElement))
      this.write("facets", facets(known, this.filter));
  }

  private drawSelection(): void {
    for (const row of this.querySelectorAll<HTMLElement>(".ecard[data-id]")) {
      const on = this.selection.has(row.dataset.id ?? "");
      row.setAttribute("aria-selected", String(on));
      row.querySelector(".tick")?.setAttribute("aria-checked", String(on));
    }
    this.classList.toggle("choosing", this.selection.size > 0);
    this.bar.draw();
  }

  // -- pointer and keys ----------------------------------------------------------------------------

  private pressed(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const row = target?.closest<HTMLElement>(".ecard[data-id]")?.dataset.id;
    if (row && (target?.closest("[data-do=tick]") || (target?.closest("[data-open]") && this.selects(event)))) {
      event.preventDefault();
      this.select(row, event.shiftKey);
      return;
    }
    const button = target?.closest<HTMLElement>("[data-do]");
    const { do: act = "", field = "", value = "", id = "", query = "" } = button?.dataset ?? {};
    if (act === "toggle") this.refilter(toggled(this.filter, field as ListName, value));
    if (act === "drop") this.refilter(without(this.filter, field as FilterName, value));
    if (act === "removed") this.refilter(withValue(this.filter, "removed", this.filter.get("removed") ? "" : "yes"));
    if (act === "clear") this.refilter(new URLSearchParams());
    if (act === "saved") this.refilter(new URLSearchParams(query));
    if (act === "save") void this.mine.keep(this.filter);
    if (act === "forget") void this.mine.forget(id);
    if (act === "link") void copyLink();
    if (act === "more") void this.loadMore();
    if (act === "retry") void this.loadAll();
    if (act === "view") this.look(value as "grid" | "list");
  }

  /** With Shift or Ctrl a card is selected instead of opened; so it is by every press while something is selected. */
  private selects(event: MouseEvent): boolean {
    return event.shiftKey || event.ctrlKey || event.metaKey;
  }

  select(id: string, stretch: boolean): void {
    if (this.itemsOf !== this.filter) return;
    if (stretch) this.selection.extend(id, this.order);
    else this.selection.toggle(id);
    this.drawSelection();
  }

  private get order(): string[] {
    return this.items.map((one) => one.id);
  }

  get focused(): string {
    return (document.activeElement as HTMLElement | null)?.closest<HTMLElement>(".ecard[data-id]")?.dataset.id ?? "";
  }

  step(by: number, choose: boolean): void {
    const order = this.order;
    const from = order.indexOf(this.focused);
    const to = from < 0 ? 0 : Math.max(0, Math.min(order.length - 1, from + by));
    const id = order[to];
    if (!id) return;
    if (choose && this.itemsOf === this.filter) {
      if (from >= 0 && this.selection.size === 0) this.selection.toggle(order[from] ?? "");
      this.selection.extend(id, order);
      this.drawSelection();
    }
    this.focusOn(id);
    if (to > order.length - 10) void this.loadMore();
  }

  private focusOn(id: string): void {
    const link = this.querySelector<HTMLElement>(`.ecard[data-id="${CSS.escape(id)}"] [data-open]`);
    link?.focus({ preventScroll: false });
  }

  async chooseAll(): Promise<void> {
    this.choosing.abort();
    this.choosing = new AbortController();
    try {
      this.selection.all(await store.allIds(this.filter, this.choosing.signal));
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "Not selected." }));
    }
    this.drawSelection();
  }

  /** Pictures or a table: the other of the two. */
  turn(): void {
    this.look(this.view === "grid" ? "list" : "grid");
  }

  private look(view: "grid" | "list"): void {
    this.view = view;
    for (const button of this.querySelectorAll<HTMLElement>("[data-do=view]"))
      button.setAttribute("aria-pressed", String(button.dataset.value === view));
    this.writeAddress();
    this.draw();
  }

  private scrolled(): void {
    const rest = document.documentElement.scrollHeight - window.scrollY - window.innerHeight;
    if (rest < 600) void this.loadMore();
  }

  get search(): HTMLInputElement {
    return this.querySelector("input[type=search]") as HTMLInputElement;
  }

  private write(part: string, html: string): void {
    const place = this.at(part);
    keepFocus(place, () => {
      place.innerHTML = html;
    });
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("episode-library", EpisodeLibrary);
