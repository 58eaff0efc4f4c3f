// <episode-list>: every episode one may see, newest first, with search, filters, pages, removal with undo, empty and failed states.
import { Refused } from "../http";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { toast } from "../toast";
import { lines, noneAtAll, noneMatches, notLoaded, shell, strip } from "./list_markup";
import type { EpisodePage, EpisodeRow } from "./shapes";
import { type Filter, list, NO_FILTER, remove, restore } from "./store";

const PAGE = 50;
const CHECKING_MS = 2000;
const RESTING_MS = 5000;

class EpisodeList extends HTMLElement {
  private leaving = new AbortController();
  private loading = new AbortController();
  private filter: Filter = { ...NO_FILTER };
  private items: EpisodeRow[] = [];
  private last: EpisodePage | null = null;
  private pages = 1;
  private typing = 0;
  private again = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.filter.search = new URLSearchParams(window.location.search).get("search") ?? "";
    this.innerHTML = shell(this.filter.search);
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    this.search.addEventListener("input", () => this.typed(), { signal });
    bindKeys({ "/": () => this.search.focus(), u: () => this.undo() }, signal);
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.loading.abort();
    window.clearTimeout(this.again);
  }

  private get url(): string {
    return this.dataset.url ?? "/api/episodes";
  }

  private get search(): HTMLInputElement {
    return this.querySelector("input[type=search]") as HTMLInputElement;
  }

  private typed(): void {
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => this.refilter({ search: this.search.value.trim() }), 200);
  }

  private chosen(event: Event): void {
    if (event.target instanceof HTMLSelectElement) this.refilter({ robot: event.target.value });
  }

  private refilter(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    this.pages = 1;
    void this.load();
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (!button) return;
    const { do: act = "", id = "", outcome = "" } = button.dataset;
    if (act === "outcome") this.refilter({ outcome: outcome as Filter["outcome"], removed: false });
    if (act === "removed") this.refilter({ removed: true, outcome: "" });
    if (act === "retry") void this.load();
    if (act === "clear") {
      this.search.value = "";
      this.refilter({ ...NO_FILTER });
    }
    if (act === "more") {
      this.pages += 1;
      void this.load();
    }
    const episode = this.items.find((one) => one.id === id);
    if (episode && act === "remove") void this.takeAway(episode);
    if (episode && act === "restore") void this.bringBack(episode);
  }

  /** Loads all shown pages anew; the newest request wins. */
  private async load(): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    window.clearTimeout(this.again);
    try {
      const items: EpisodeRow[] = [];
      let page: EpisodePage | null = null;
      for (let n = 1; n <= this.pages; n += 1) {
        page = await list(this.url, this.filter, n, PAGE, signal);
        items.push(...page.items);
      }
      const news = JSON.stringify([items, page]) !== JSON.stringify([this.items, this.last]);
      this.items = items;
      this.last = page;
      if (news) this.draw();
      this.lookAgain();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.last = null; // what is shown is no list, so the next one is news
      this.at("body").innerHTML = notLoaded(error.message);
      say(error.message);
    }
  }

  private draw(): void {
    const page = this.last;
    if (!page) return;
    this.dataset.total = String(page.total);
    this.at("strip").innerHTML = strip(page, this.filter);
    const filtered =
      this.filter.outcome !== "" || this.filter.robot !== "" || this.filter.search !== "" || this.filter.removed;
    const none = filtered ? noneMatches(this.filter) : noneAtAll();
    this.at("body").innerHTML = this.items.length === 0 ? none : lines(this.items, page.total);
  }

  /** Robots finish their uploads at any time: looks sooner while one is being checked, not at all while nobody looks. */
  private lookAgain(): void {
    const checking = this.items.some((one) => one.status === "received");
    this.again = window.setTimeout(
      () => (document.hidden ? this.lookAgain() : void this.load()),
      checking ? CHECKING_MS : RESTING_MS,
    );
  }

  private async takeAway(episode: EpisodeRow): Promise<void> {
    try {
      await remove(`${this.url}/${episode.id}`, episode.version);
      toast(`Episode ${episode.number} removed.`, {
        action: { label: "Undo", key: "U", run: () => void this.bringBack(episode) },
      });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Not removed." });
    }
    await this.load();
  }

  private async bringBack(episode: EpisodeRow): Promise<void> {
    try {
      await restore(`${this.url}/${episode.id}`);
      toast(`Episode ${episode.number} is back.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Not restored." });
    }
    await this.load();
  }

  private undo(): void {
    document.querySelector<HTMLButtonElement>('.toast:last-child [data-key="u"]')?.click();
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("episode-list", EpisodeList);
