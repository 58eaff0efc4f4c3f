// <robot-fleet>: every robot one may see, live. Cards in order of need and a table; counts, search, empty, lost and refused states.
import { type FleetFeed, fleetFeed } from "../fleet_feed";
import type { RobotRow } from "../generated/protocol";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { waitingFeed } from "../waiting";
import { askRelease } from "./hold";
import { byNeed, type Entry, keptOrder, tiles } from "./order";
import { doing, searchable } from "./sentence";
import { frame, noMatch, noRobots, standing, tilesHtml } from "./skeleton";
import { Snapshots } from "./snapshots";
import { Tile } from "./tile";

class RobotFleet extends HTMLElement {
  private leaving = new AbortController();
  private feed: FleetFeed = fleetFeed();
  private readonly tiles = new Map<string, Tile>();
  private readonly spoken = new Map<string, string>();
  private readonly pictures = new Snapshots(
    () => this.inView(),
    (id) => this.tiles.get(id)?.images ?? [],
  );
  private order: string[] = [];
  private filter = "";
  private drawn = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = frame(this.hasAttribute("may-add"));
    this.listen(signal);
    this.feed.on("rows", () => this.arrived(), signal);
    this.feed.on("state", () => this.draw(), signal);
    waitingFeed().on(() => this.draw(), signal);
    const tick = window.setInterval(() => this.draw(), 1000);
    signal.addEventListener("abort", () => window.clearInterval(tick));
    this.pictures.start();
    this.draw();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.pictures.stop();
  }

  private listen(signal: AbortSignal): void {
    const search = this.at<HTMLInputElement>("search");
    search.addEventListener(
      "input",
      () => {
        this.filter = search.value.trim().toLowerCase();
        this.draw();
      },
      { signal },
    );
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    for (const list of ["cards", "table"]) {
      this.at(list).addEventListener("pointerleave", () => this.draw(), { signal });
    }
    bindKeys({ "/": () => search.focus() }, signal);
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const act = button?.dataset.do;
    if (act === "retry") this.feed.hurry();
    if (act === "cards" || act === "table") this.view(act);
    if (act === "release") this.release(button?.closest<HTMLElement>("[data-robot]")?.dataset.robot ?? "");
    if (act === "clear") {
      this.at<HTMLInputElement>("search").value = "";
      this.filter = "";
      this.draw();
    }
  }

  private release(id: string): void {
    const row = this.feed.rows.get(id);
    if (row) askRelease(this, row);
  }

  private view(name: "cards" | "table"): void {
    this.dataset.view = name;
    for (const button of this.querySelectorAll<HTMLElement>("[aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button.dataset.do === name));
    }
  }

  private arrived(): void {
    const first = this.tiles.size === 0;
    this.draw();
    if (first) this.pictures.round();
  }

  private entries(): Entry[] {
    const me = document.documentElement.dataset.me ?? "";
    return [...this.feed.rows.values()].map((row) => ({
      row,
      doing: doing(row, me, this.feed.age_s(row.id), waitingFeed().robots.get(row.id)),
    }));
  }

  private draw(): void {
    const { feed } = this;
    const entries = this.entries();
    this.dataset.connection = feed.state;
    this.html("banner", standing(feed, feed.age_s()));
    this.html("tiles", tilesHtml(tiles(entries)));
    this.update(entries, feed.state !== "open");
    const shown = entries.filter((e) => searchable(e.row, e.doing).includes(this.filter));
    this.arrange(byNeed(shown));
    this.at("count").textContent = `All ${entries.length}`;
    this.at("lists").hidden = shown.length === 0;
    const empty = !feed.known || shown.length > 0 ? "" : entries.length === 0 ? "none" : `no ${this.filter}`;
    if (empty !== this.drawn) {
      this.drawn = empty;
      const may = this.hasAttribute("may-add");
      this.at("empty").innerHTML = empty === "" ? "" : empty === "none" ? noRobots(may) : noMatch(this.filter);
    }
    this.dataset.robots = String(entries.length);
  }

  private update(entries: readonly Entry[], lost: boolean): void {
    const there = new Set(entries.map((e) => e.row.id));
    for (const [id, tile] of this.tiles) {
      if (there.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    for (const { row, doing: what } of entries) {
      this.tile(row).draw(row, what, lost);
      this.speak(row, `${row.name}: ${what.chip.word} ${what.chip.small}`.trim());
    }
  }

  private tile(row: RobotRow): Tile {
    const found = this.tiles.get(row.id);
    if (found) return found;
    const made = new Tile(row);
    this.tiles.set(row.id, made);
    for (const image of made.images) this.pictures.adopt(row.id, image);
    return made;
  }

  /** Changes of mode are said; the first sight of a robot is not. */
  private speak(row: RobotRow, words: string): void {
    const before = this.spoken.get(row.id);
    this.spoken.set(row.id, words);
    if (before !== undefined && before !== words) say(words);
  }

  /** Puts cards and lines into order; while the pointer or the focus is in the list nothing moves. */
  private arrange(wanted: readonly string[]): void {
    const lists = this.at("lists");
    const busy = lists.matches(":has(.card:hover), :has(tbody:hover)") || lists.contains(document.activeElement);
    this.order = busy ? keptOrder(this.order, wanted) : [...wanted];
    const places = [this.at("cards"), this.at("lines")] as const;
    for (const [id, tile] of this.tiles) if (!this.order.includes(id)) tile.remove();
    this.order.forEach((id, index) => {
      const tile = this.tiles.get(id);
      if (!tile) return;
      [tile.card, tile.line].forEach((element, which) => {
        const place = places[which] as HTMLElement;
        if (place.children[index] !== element) place.insertBefore(element, place.children[index] ?? null);
      });
    });
  }

  private inView(): { id: string; address: string }[] {
    const high = window.innerHeight;
    return [...this.feed.rows.values()]
      .filter((row) => row.online && row.snapshot)
      .filter((row) => {
        const images = this.tiles.get(row.id)?.images ?? [];
        return images.some((image) => {
          const box = image.parentElement?.getBoundingClientRect();
          return box !== undefined && box.height > 0 && box.bottom > 0 && box.top < high;
        });
      })
      .map((row) => ({ id: row.id, address: row.snapshot ?? "" }));
  }

  private html(name: string, html: string): void {
    const part = this.at(name);
    if (part.dataset.now !== html) {
      part.dataset.now = html;
      part.innerHTML = html;
    }
  }

  private at<E extends HTMLElement = HTMLElement>(name: string): E {
    return this.querySelector(`[data-part="${name}"]`) as E;
  }
}

customElements.define("robot-fleet", RobotFleet);
