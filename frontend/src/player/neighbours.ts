// The list beside the player: newest first, with search and outcome chips. Choosing one opens its page.

import type { EpisodePage, EpisodeRow } from "../episodes/shapes";
import { type Filter, list, NO_FILTER } from "../episodes/store";
import { shortLine } from "../episodes/words";
import { Refused } from "../http";
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
  private filter: Filter = { ...NO_FILTER };
  private items: EpisodeRow[] = [];
  private page = 0;
  private loading = new AbortController();
  private typing = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly url: string,
    private readonly current: string,
  ) {
    root.innerHTML = `<div class="ph"><h2>Episodes</h2><span class="muted s11" data-part="total"></span></div><div class="col filter"><label class="field">${icon("search")}<span class="sr">Search episodes</span><input type="search" placeholder="Words, robot, label" autocomplete="off" spellcheck="false"></label><div class="row wrap chips" data-part="chips"></div></div><div class="eps" data-part="eps"></div>`;
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

  private typed(event: Event): void {
    const words = (event.target as HTMLInputElement).value.trim();
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => {
      this.filter = { ...this.filter, search: words };
      void this.load(1);
    }, 200);
  }

  private pressed(event: Event): void {
    const chip = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-outcome]") : null;
    if (!chip) return;
    this.filter = { ...this.filter, outcome: (chip.dataset.outcome ?? "") as Filter["outcome"] };
    void this.load(1);
  }

  private scrolled(): void {
    const box = this.at("eps");
    const total = Number(this.root.dataset.total ?? 0);
    const near = box.scrollTop + box.clientHeight > box.scrollHeight - 200;
    if (near && this.page > 0 && this.items.length < total) void this.load(this.page + 1);
  }

  private async load(page: number): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    try {
      this.draw(await list(this.url, this.filter, page, PAGE, this.loading.signal), page);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("eps").innerHTML = `<p class="pb muted">${safe(error.message)}</p>`;
    }
  }

  private draw(answer: EpisodePage, page: number): void {
    this.page = page;
    this.items = page === 1 ? answer.items : [...this.items, ...answer.items];
    this.root.dataset.total = String(answer.total);
    this.at("total").textContent = count(answer.total, "episode");
    this.at("chips").innerHTML = CHIPS.map(([value, label, key]) => {
      const on = this.filter.outcome === value;
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
