// The list beside the player: newest first, narrowed by the library's own query, by words and by outcome. Choosing one opens it.

import type { EpisodeRow } from "../episodes/shapes";
import { shortLine } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { count, safe } from "../text";
import type { Beside } from "./shapes";

const PAGE = 50;
/** Chips that narrow the list: their words, and what they add to the filter. */
const CHIPS = [
  { label: "all", filter: {} },
  { label: "to review", filter: { reviewed: "no" } },
  { label: "success", filter: { outcome: "success" } },
  { label: "failure", filter: { outcome: "failure" } },
  { label: "no label", filter: { outcome: "unlabelled" } },
] as const;
const CHIP_FIELDS = ["outcome", "reviewed"];

type Chosen = Record<string, string | undefined>;

interface Page {
  items: EpisodeRow[];
  next: string;
}

interface Counts {
  episodes: number;
  reviewed: number;
  outcomes: Record<string, number>;
}

export class Neighbours {
  items: EpisodeRow[] = [];
  private following = "";
  private counts: Counts | null = null;
  private loading = new AbortController();
  private typing = 0;

  /** `api`: where the library (`search`) and episodes answer; `filter`: the query that it handed on; `onOpen` gets the id of the chosen one. */
  constructor(
    private readonly root: HTMLElement,
    private readonly api: { search: string; episodes: string },
    private current: string,
    readonly filter: URLSearchParams,
    private readonly onOpen: (episode: string) => void,
  ) {
    const words = safe(filter.get("search") ?? "");
    root.innerHTML = `<div class="ph"><h2>Episodes</h2><span class="muted s11" data-part="total"></span></div><div class="col filter"><label class="field">${icon("search")}<span class="sr">Search episodes</span><input type="search" value="${words}" placeholder="Words, robot, label" autocomplete="off" spellcheck="false"></label><div class="row wrap chips" data-part="chips"></div></div><div class="eps" data-part="eps"></div>`;
    root.addEventListener("click", (event) => this.pressed(event));
    root.querySelector("input")?.addEventListener("input", (event) => this.typed(event));
    this.at("eps").addEventListener("scroll", () => this.scrolled());
    void this.load();
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
    this.reveal();
  }

  /** Scrolls the list alone: on a small screen it lies below the pictures, which shall stay where they are. */
  private reveal(): void {
    const [box, line] = [this.at("eps"), this.root.querySelector("[aria-current]")];
    if (!line) return;
    const [outer, inner] = [box.getBoundingClientRect(), line.getBoundingClientRect()];
    box.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
  }

  /** Id of the one above (-1) or below (1) in this list, or where the list does not reach, under its filter; "" at its ends. */
  async beside(step: -1 | 1): Promise<string> {
    const now = this.items.findIndex((one) => one.id === this.current);
    if (step > 0 && now >= this.items.length - 2) this.more();
    const listed = now < 0 ? undefined : this.items[now + step];
    if (listed) return listed.id;
    const found = await call<Beside>("GET", `${this.api.episodes}/${this.current}/beside?${this.filter}`);
    return step < 0 ? found.newer : found.older;
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
    if (line) line.outerHTML = shortLine(now, now.id === this.current, this.filter);
  }

  private typed(event: Event): void {
    const words = (event.target as HTMLInputElement).value.trim();
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => this.narrow({ search: words }), 200);
  }

  private narrow(change: Record<string, string>): void {
    for (const [name, value] of Object.entries(change)) {
      if (value) this.filter.set(name, value);
      else this.filter.delete(name);
    }
    void this.load();
  }

  private pressed(event: Event): void {
    if (!(event.target instanceof Element) || !(event instanceof MouseEvent)) return;
    const chip = event.target.closest<HTMLElement>("[data-chip]");
    if (chip) {
      this.narrow({ outcome: "", reviewed: "", ...CHIPS[Number(chip.dataset.chip)]?.filter });
      return;
    }
    if (event.target.closest("[data-newer]")) {
      void this.load("");
      return;
    }
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
    if (this.following) void this.ask((signal) => this.page(this.following, signal, true));
  }

  /** From `after` on; when that is not said, from shortly before the episode on the screen. */
  private load(after?: string): Promise<void> {
    return this.ask(async (signal) => {
      const start = after ?? (await this.start(signal));
      await this.page(start, signal, false);
      this.counts = await call<Counts>("GET", `${this.api.search}/counts?${this.wide()}`, undefined, signal);
      this.drawChips();
    });
  }

  private async ask(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    try {
      await act(this.loading.signal);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("eps").innerHTML = `<p class="pb muted">${safe(error.message)}</p>`;
    }
  }

  private async start(signal: AbortSignal): Promise<string> {
    const url = `${this.api.episodes}/${this.current}/beside?${this.filter}`;
    return (await call<Beside>("GET", url, undefined, signal)).after;
  }

  private async page(after: string, signal: AbortSignal, append: boolean): Promise<void> {
    const query = new URLSearchParams(this.filter);
    query.set("size", String(PAGE));
    if (after) query.set("after", after);
    const page = await call<Page>("GET", `${this.api.search}?${query}`, undefined, signal);
    this.following = page.next;
    this.items = append ? [...this.items, ...page.items] : page.items;
    this.draw(append ? "" : after);
  }

  /** The filter without what the chips narrow. */
  private wide(): URLSearchParams {
    const query = new URLSearchParams(this.filter);
    for (const name of CHIP_FIELDS) query.delete(name);
    return query;
  }

  private draw(after: string): void {
    const none = '<p class="pb muted">No episode matches.</p>';
    const newer = after
      ? `<button type="button" class="btn quiet small" data-newer>${icon("up")}Newer ones</button>`
      : "";
    this.at("eps").innerHTML =
      newer + this.items.map((e) => shortLine(e, e.id === this.current, this.filter)).join("") || none;
    this.reveal();
  }

  private drawChips(): void {
    const { counts } = this;
    if (!counts) return;
    const { episodes, reviewed, outcomes } = counts;
    const numbers = [episodes, episodes - reviewed, outcomes.success, outcomes.failure, outcomes.unlabelled];
    this.at("total").textContent = count(episodes, "episode");
    this.at("chips").innerHTML = CHIPS.map(({ label, filter }, i) => {
      const on = CHIP_FIELDS.every((name) => (this.filter.get(name) ?? "") === ((filter as Chosen)[name] ?? ""));
      return `<button type="button" class="chip pickable ${on ? "acc" : ""}" aria-pressed="${on}" data-chip="${i}">${label} ${numbers[i] ?? 0}</button>`;
    }).join("");
  }

  private at(name: string): HTMLElement {
    return this.root.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}
