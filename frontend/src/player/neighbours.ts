// The list beside the player: newest first, narrowed by the library's own query, by words and by outcome. Choosing one opens it.

import type { EpisodePage, EpisodeRow } from "../episodes/shapes";
import { shortLine } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { count, safe } from "../text";

const PAGE = 50;
const CHIPS = [
  ["", "all", "all"],
  ["success", "success", "success"],
  ["failure", "failure", "failure"],
  ["unlabelled", "no label", "unlabelled"],
] as const;

export class Neighbours {
  items: EpisodeRow[] = [];
  private page = 0;
  private total = 0;
  private loading = new AbortController();
  private typing = 0;

  /** `filter`: the query that the library handed on; `onOpen` gets the id of the chosen one. */
  constructor(
    private readonly root: HTMLElement,
    private readonly url: string,
    private current: string,
    readonly filter: URLSearchParams,
    private readonly onOpen: (episode: string) => void,
  ) {
    const words = safe(filter.get("search") ?? "");
    root.innerHTML = `<div class="ph"><h2>Episodes</h2><span class="muted s11" data-part="total"></span></div><div class="col filter"><label class="field">${icon("search")}<span class="sr">Search episodes</span><input type="search" value="${words}" placeholder="Words, robot, label" autocomplete="off" spellcheck="false"></label><div class="row wrap chips" data-part="chips"></div></div><div class="eps" data-part="eps"></div>`;
    root.addEventListener("click", (event) => this.pressed(event));
    root.querySelector("input")?.addEventListener("input", (event) => this.typed(event));
    this.at("eps").addEventListener("scroll", () => this.scrolled());
    void this.load(1);
  }

  reload(): void {
    void this.load(1);
  }

  close(): void {
    window.clearTimeout(this.typing);
    this.loading.abort();
  }

  /** Another one is on the screen. */
  choose(current: string): void {
    this.current = current;
    for (const line of this.root.querySelectorAll<HTMLElement>(".ep")) {
      if (line.dataset.id === current) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
    this.root.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  /** Id of the one above (-1) or below (1) in this list; "" where there is none or the current one is not in it. */
  beside(step: -1 | 1): string {
    const now = this.items.findIndex((one) => one.id === this.current);
    if (step > 0 && now >= this.items.length - 2) this.more();
    return now < 0 ? "" : (this.items[now + step]?.id ?? "");
  }

  /** Every tag of the listed episodes, the most used first. */
  tags(): string[] {
    const used = new Map<string, number>();
    for (const tag of this.items.flatMap((one) => one.tags)) used.set(tag, (used.get(tag) ?? 0) + 1);
    return [...used].sort((a, b) => b[1] - a[1]).map(([tag]) => tag);
  }

  /** What the server says of one of them now, without asking for the list again. */
  take(now: EpisodeRow): void {
    const place = this.items.findIndex((one) => one.id === now.id);
    if (place < 0) return;
    this.items[place] = now;
    const line = this.root.querySelector(`.ep[data-id="${now.id}"]`);
    if (line) line.outerHTML = shortLine(now, now.id === this.current);
  }

  private typed(event: Event): void {
    const words = (event.target as HTMLInputElement).value.trim();
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => this.narrow("search", words), 200);
  }

  private narrow(name: string, value: string): void {
    if (value) this.filter.set(name, value);
    else this.filter.delete(name);
    void this.load(1);
  }

  private pressed(event: Event): void {
    if (!(event.target instanceof Element) || !(event instanceof MouseEvent)) return;
    const chip = event.target.closest<HTMLElement>("[data-outcome]");
    if (chip) this.narrow("outcome", chip.dataset.outcome ?? "");
    const line = event.target.closest<HTMLElement>(".ep");
    if (!line || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.onOpen(line.dataset.id ?? "");
  }

  private scrolled(): void {
    const box = this.at("eps");
    if (box.scrollTop + box.clientHeight > box.scrollHeight - 200) this.more();
  }

  private more(): void {
    if (this.page > 0 && this.items.length < this.total) void this.load(this.page + 1);
  }

  private async load(page: number): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    const query = new URLSearchParams(this.filter);
    query.set("page", String(page));
    query.set("page_size", String(PAGE));
    try {
      this.draw(await call("GET", `${this.url}?${query}`, undefined, this.loading.signal), page);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("eps").innerHTML = `<p class="pb muted">${safe(error.message)}</p>`;
    }
  }

  private draw(answer: EpisodePage, page: number): void {
    this.page = page;
    this.total = answer.total;
    this.items = page === 1 ? answer.items : [...this.items, ...answer.items];
    this.root.dataset.total = String(answer.total);
    this.at("total").textContent = count(answer.total, "episode");
    const chosen = this.filter.get("outcome") ?? "";
    this.at("chips").innerHTML = CHIPS.map(([value, label, key]) => {
      const on = chosen === value;
      return `<button type="button" class="chip pickable ${on ? "acc" : ""}" aria-pressed="${on}" data-outcome="${value}">${label} ${answer.counts[key] ?? 0}</button>`;
    }).join("");
    const none = '<p class="pb muted">No episode matches.</p>';
    this.at("eps").innerHTML = this.items.map((e) => shortLine(e, e.id === this.current)).join("") || none;
    if (page === 1) this.root.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  private at(name: string): HTMLElement {
    return this.root.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}
