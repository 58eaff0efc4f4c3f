// <episode-player>: one episode after the other, played back, labelled and corrected. Loads, shows what state it is in, hands keys and presses on.
import type { EpisodeDetail } from "../episodes/shapes";
import { bytesOf, call, Refused } from "../http";
import { bindKeys } from "../keys";
import { toast } from "../toast";
import { episodeOf, pageOf, placeOf } from "./address";
import { parseColumns, Rows } from "./columns";
import { Datasets } from "./datasets";
import { Edits } from "./edits";
import { keySheet, missing, notPlayable, frame as pageFrame, reviewingHtml, SECTIONS } from "./frame";
import { acts, keys } from "./inputs";
import { Labelling } from "./labelling";
import { Marking } from "./marking";
import { Neighbours } from "./neighbours";
import { Objects } from "./objects";
import { Panel } from "./panel";
import { Reviewing } from "./reviewing";
import type { Reviews } from "./shapes";
import { atHtml, factsHtml, findingsHtml, labelHtml, marksHtml, secondHtml, titleHtml } from "./side";
import { reviews } from "./store";
import { Viewer } from "./viewer";
import { loadWhy } from "./why";

const CHECKING_MS = 2000;
const ADDRESS_MS = 250;

export class EpisodePlayer extends HTMLElement {
  episode: EpisodeDetail | null = null;
  viewer: Viewer | null = null;
  neighbours!: Neighbours;
  panel!: Panel;
  readonly edits = new Edits((words) => toast(words, { lifeMs: 4000 }));
  readonly labelling = new Labelling(this, this.edits);
  readonly reviewing = new Reviewing(this);
  readonly objects = new Objects(this);
  readonly datasets = new Datasets(this);
  marking!: Marking;
  private leaving = new AbortController();
  private showing = new AbortController();
  private rows: Rows | null = null;
  private readonly heard = new Map<string, EpisodeDetail>();
  private said: Reviews | null = null;
  private wanted = ""; // id of the episode that is shown or on its way
  private stepping: Promise<void> = Promise.resolve();
  private again = 0;
  private addressing = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const place = placeOf(window.location.search, window.location.hash);
    this.innerHTML = pageFrame();
    this.at("keys").innerHTML = keySheet();
    this.panel = new Panel(this.at("side"));
    this.marking = new Marking(
      this.at("centre"),
      () => this.row,
      (mark) => void this.objects.add(mark),
    );
    const id = (this.dataset.url ?? "").split("/").pop() ?? "";
    const api = { search: "/api/library", episodes: this.list };
    this.neighbours = new Neighbours(this.at("list"), api, id, place.filter, (one) => this.visit(one));
    const table = acts(this);
    this.addEventListener("click", (event) => this.pressed(event, table), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    bindKeys(keys(this), signal);
    window.addEventListener("popstate", () => this.cameBack(), { signal });
    this.reviewing.begin(place.reviewing);
    void this.load(id, place.frame);
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.showing.abort();
    window.clearTimeout(this.again);
    window.clearTimeout(this.addressing);
    this.viewer?.close();
    this.neighbours.close();
  }

  get row(): number {
    return this.viewer?.head.frame ?? 0;
  }

  private get list(): string {
    return this.dataset.list ?? "/api/episodes";
  }

  address(id: string): string {
    return `${this.list}/${id}`;
  }

  /** What the server said last of an episode that this page has shown. */
  known(id: string): EpisodeDetail | null {
    return this.heard.get(id) ?? null;
  }

  get sheet(): HTMLDialogElement {
    return this.at("keys") as HTMLDialogElement;
  }

  // -- which episode -------------------------------------------------------------------------------------------------

  /** Opens another episode in this page, as a page of its own in the browser's history; after every change still on its way. */
  visit(id: string): void {
    if (!id) return;
    this.neighbours.choose(id); // the next key goes on from there
    void this.edits.next(async () => {
      if (id === this.wanted) return;
      window.history.pushState(null, "", pageOf(id, this.neighbours.filter));
      void this.load(id, 0);
    });
  }

  /** The next one above or below in the list. */
  beside(step: -1 | 1): Promise<void> {
    const done = this.stepping.then(() => this.step(step));
    this.stepping = done.catch(() => undefined); // one that failed does not hold up the next
    return done;
  }

  private async step(step: -1 | 1): Promise<void> {
    try {
      this.visit(await this.neighbours.beside(step));
    } catch (error) {
      this.refused(error, "The next one is not known.");
    }
  }

  private cameBack(): void {
    const id = episodeOf(window.location.pathname);
    const { frame } = placeOf(window.location.search, window.location.hash);
    if (id && id !== this.wanted) void this.load(id, frame);
    else this.viewer?.head.seek(frame);
  }

  private async load(id: string, frame: number): Promise<void> {
    this.showing.abort();
    this.showing = new AbortController();
    this.wanted = id;
    window.clearTimeout(this.again);
    const { signal } = this.showing;
    try {
      const episode = await call<EpisodeDetail>("GET", this.address(id), undefined, signal);
      this.begin(episode);
      if (episode.playable && episode.videos.length > 0 && episode.status !== "received") this.play(episode, frame);
      else this.wait(episode, frame);
      await Promise.all([this.lookAtReviews(episode), this.datasets.load(signal)]);
    } catch (error) {
      this.failed(error, (sentence) => {
        this.clear();
        this.wanted = "";
        for (const section of SECTIONS) this.panel.draw(section, "");
        this.at("centre").innerHTML = missing(sentence);
        document.title = "Reins";
        this.dataset.state = "failed";
      });
    }
  }

  /** Nothing of the episode before stays, and no key acts on it. */
  private clear(): void {
    this.viewer?.close();
    this.marking.stop();
    this.panel.closeAll();
    this.viewer = null;
    this.rows = null;
    this.said = null;
    this.labelling.reset();
    this.objects.reset();
    this.datasets.reset();
    this.episode = null;
  }

  private begin(episode: EpisodeDetail): void {
    this.clear();
    this.neighbours.choose(episode.id);
    this.episode = episode;
    this.take(episode);
    this.reviewing.opened();
  }

  private play(episode: EpisodeDetail, frame: number): void {
    const { signal } = this.showing;
    this.viewer = new Viewer(this.at("centre"), episode, Math.min(frame, episode.rows - 1), {
      row: (row) => this.drawAt(row),
      plotsSeen: () => void this.read(episode, signal),
    });
    this.dataset.state = "ready";
    void this.objects.load(signal);
  }

  /** The rows and events, once there is a place to see them. */
  private async read(episode: EpisodeDetail, signal: AbortSignal): Promise<void> {
    try {
      const [data, events, why] = await Promise.all([
        bytesOf(episode.columns_url, signal),
        call<Parameters<Viewer["fill"]>[1]>("GET", episode.events_url, undefined, signal),
        loadWhy(episode, signal),
      ]);
      this.rows = new Rows(parseColumns(data, episode.columns, episode.rows), episode.rows, episode.record_hz);
      this.viewer?.fill(this.rows, events, why);
      this.drawAt(this.row);
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "The rows could not be read." }));
    }
  }

  private wait(episode: EpisodeDetail, frame: number): void {
    this.at("centre").innerHTML = notPlayable(episode);
    this.dataset.state = episode.status;
    if (episode.status === "received")
      this.again = window.setTimeout(() => void this.load(episode.id, frame), CHECKING_MS);
  }

  // -- what the server says ------------------------------------------------------------------------------------------

  /** What the server says now: shown at once, in the side panel, the list and the title; of another episode, kept for `known`. */
  take(now: EpisodeDetail): void {
    this.heard.set(now.id, now);
    this.neighbours.take(now);
    const before = this.episode;
    if (before?.id !== now.id) return;
    this.episode = now;
    document.title = `Episode ${now.number} · Reins`;
    this.dataset.episode = now.id;
    this.dataset.version = String(now.version);
    this.dataset.outcome = now.outcome;
    this.dataset.removed = String(now.removed);
    this.viewer?.update(now);
    this.drawSide();
    const asked = before.flagged !== now.flagged || before.second_look !== now.second_look;
    if (asked || (before.version !== now.version && this.said?.reviews.length)) void this.lookAtReviews(now);
  }

  refused(error: unknown, strong: string): void {
    this.failed(error, (sentence) => toast(sentence, { kind: "err", strong }));
  }

  private async lookAtReviews(episode: EpisodeDetail): Promise<void> {
    try {
      const said = await reviews(this.address(episode.id), this.showing.signal);
      if (this.episode?.id !== episode.id) return;
      this.said = said;
      this.drawSide();
    } catch (error) {
      this.failed(error, () => undefined); // the section stays empty: nothing else depends on it
    }
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  drawSide(): void {
    const e = this.episode;
    if (!e) return;
    const { panel, labelling } = this;
    panel.draw("about", titleHtml(e));
    panel.draw("label", labelHtml(e, labelling));
    panel.draw("findings", findingsHtml(e));
    panel.draw("datasets", this.datasets.html());
    panel.draw("second", secondHtml(e, this.said, labelling.wholeDraft));
    panel.draw("facts", factsHtml(e));
    this.drawReviewing();
    this.drawAt(this.row);
  }

  drawReviewing(): void {
    const place = this.at("reviewing");
    const said = this.episode?.outcome !== "unlabelled" && !this.episode?.second_look;
    place.hidden = !this.reviewing.on;
    const html = this.reviewing.on ? reviewingHtml(this.reviewing.left, said) : "";
    if (place.innerHTML !== html) place.innerHTML = html;
    this.dataset.reviewing = String(this.reviewing.on);
  }

  private drawAt(row: number): void {
    const e = this.episode;
    if (!e) return;
    if (this.viewer) this.panel.draw("row", atHtml(e, this.rows, row));
    this.panel.draw("marks", this.viewer ? marksHtml(e, this.objects.marks, row) : "");
    this.marking.show(this.objects.marks, row);
    window.clearTimeout(this.addressing);
    if (this.viewer && !this.viewer.head.playing)
      this.addressing = window.setTimeout(() => this.writeAddress(e.id), ADDRESS_MS);
  }

  /** The address names the frame on the screen, so that it can be handed to somebody else. */
  private writeAddress(id: string): void {
    if (this.episode?.id !== id) return;
    const address = pageOf(id, this.neighbours.filter, this.row);
    if (address !== window.location.pathname + window.location.search + window.location.hash)
      window.history.replaceState(null, "", address);
  }

  // -- presses -------------------------------------------------------------------------------------------------------

  private pressed(event: MouseEvent, table: Record<string, (button: HTMLElement) => void>): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const act = button?.dataset.do ?? "";
    if (!button) return;
    if (event.detail > 0) button.blur(); // Space and Enter are the player's again after a press with the pointer
    if (Object.hasOwn(table, act)) table[act]?.(button);
    else this.viewer?.act(act, button);
  }

  private chosen(event: Event): void {
    const field = event.target;
    if (!(field instanceof HTMLSelectElement) || field.dataset.dataset === undefined) return;
    this.datasets.choose(field.value);
    field.blur();
  }

  /** Shows the server's sentence; a page that was left is silent; anything else is a defect and is thrown on. */
  private failed(error: unknown, show: (sentence: string) => void): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Refused || error instanceof RangeError)) throw error;
    show(error.message);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("episode-player", EpisodePlayer);
