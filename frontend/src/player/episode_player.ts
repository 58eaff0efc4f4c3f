// <episode-player>: one episode, played back, labelled, corrected and removed. Loads it, shows its state, and keeps what a person changes.
import type { EpisodeDetail, EpisodeEvent, Outcome } from "../episodes/shapes";
import { type Change, change, remove, restore } from "../episodes/store";
import { bytesOf, call, Refused } from "../http";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { toast } from "../toast";
import { parseColumns, Rows } from "./columns";
import { InstructionForm } from "./instruction_form";
import { aboutHtml, atHtml, factsHtml, frame, keySheet, missing, notPlayable, removedBanner } from "./markup";
import { Neighbours } from "./neighbours";
import { Viewer } from "./viewer";

const CHECKING_MS = 2000;

class EpisodePlayer extends HTMLElement {
  private leaving = new AbortController();
  private episode: EpisodeDetail | null = null;
  private rows: Rows | null = null;
  private viewer: Viewer | null = null;
  private neighbours: Neighbours | null = null;
  private saving = "";
  private again = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = frame();
    this.at("keys").innerHTML = keySheet();
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.keys(signal);
    this.neighbours = new Neighbours(
      this.at("list"),
      this.dataset.list ?? "/api/episodes",
      this.url.split("/").pop() ?? "",
    );
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.again);
    this.viewer?.close();
    this.neighbours?.close();
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private keys(signal: AbortSignal): void {
    const step = (frames: number) => () => this.viewer?.head.step(frames);
    const ends = {
      Home: () => this.viewer?.head.seek(0),
      End: () => this.viewer?.head.seek(this.viewer.head.rows - 1),
    };
    const frames: Record<string, () => void> = {};
    for (const [modifier, n] of [
      ["", 1],
      ["Shift+", 10],
      ["Ctrl+", 5],
    ] as const) {
      frames[`${modifier}ArrowLeft`] = step(-n);
      frames[`${modifier}ArrowRight`] = step(n);
    }
    bindKeys(
      {
        ...frames,
        ...ends,
        Space: () => this.viewer?.head.toggle(),
        ArrowUp: () => this.visit(this.episode?.newer),
        ArrowDown: () => this.visit(this.episode?.older),
        j: () => this.viewer?.nextTakeover(),
        y: () => void this.label("success"),
        x: () => void this.label("failure"),
        e: () => this.edit(),
        u: () => this.undo(),
        Delete: () => void this.takeAway(),
        "?": () => this.sheet.showModal(),
      },
      signal,
    );
  }

  private visit(url: string | undefined): void {
    if (url) window.location.assign(url);
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const act = button?.dataset.do ?? "";
    if (!button) return;
    if (act === "keys") this.sheet.showModal();
    else if (act === "outcome") void this.label(button.dataset.outcome as Outcome);
    else if (act === "edit") this.edit();
    else if (act === "remove") void this.takeAway();
    else if (act === "restore") void this.bringBack();
    else this.viewer?.act(act, button);
  }

  private async load(): Promise<void> {
    try {
      const episode = await call<EpisodeDetail>("GET", this.url, undefined, this.leaving.signal);
      const viewable = episode.playable && episode.videos.length > 0;
      const parts = viewable ? await this.parts(episode) : null;
      this.take(episode);
      if (parts) this.play(episode, parts.rows, parts.events);
      else this.wait(episode);
    } catch (error) {
      this.failed(error, (sentence) => {
        this.at("centre").innerHTML = missing(sentence);
        this.dataset.state = "failed";
      });
    }
  }

  private async parts(episode: EpisodeDetail): Promise<{ rows: Rows; events: EpisodeEvent[] }> {
    const { signal } = this.leaving;
    const [data, events] = await Promise.all([
      bytesOf(episode.columns_url, signal),
      call<EpisodeEvent[]>("GET", episode.events_url, undefined, signal),
    ]);
    return {
      rows: new Rows(parseColumns(data, episode.columns, episode.rows), episode.rows, episode.record_hz),
      events,
    };
  }

  private play(episode: EpisodeDetail, rows: Rows, events: EpisodeEvent[]): void {
    this.rows = rows;
    this.viewer?.close();
    this.viewer = new Viewer(this.at("centre"), episode, rows, events, (row) => this.drawAt(row));
    this.dataset.state = "ready";
  }

  private wait(episode: EpisodeDetail): void {
    this.at("centre").innerHTML = notPlayable(episode);
    this.dataset.state = episode.status;
    if (episode.status === "received") this.again = window.setTimeout(() => void this.load(), CHECKING_MS);
  }

  /** What the server says now: shown at once, in the head, the list and the title. */
  private take(episode: EpisodeDetail): void {
    this.episode = episode;
    document.title = `Episode ${episode.number} · Reins`;
    this.dataset.outcome = episode.outcome;
    this.dataset.removed = String(episode.removed);
    this.drawSide();
  }

  private drawSide(): void {
    const { episode } = this;
    if (!episode) return;
    const banner = episode.removed ? removedBanner() : "";
    this.at("side").innerHTML =
      `${banner}${aboutHtml(episode, this.saving)}<section data-part="row"></section>${factsHtml(episode)}`;
    this.drawAt(this.viewer?.head.frame ?? 0);
  }

  private drawAt(row: number): void {
    const place = this.at("row");
    if (this.episode && this.rows && place) place.innerHTML = atHtml(this.episode, this.rows, row);
  }

  /** The same label again takes it back. */
  private async label(outcome: Outcome): Promise<void> {
    const { episode } = this;
    if (!episode?.may_change || episode.removed || this.saving !== "") return;
    const wanted = episode.outcome === outcome ? "unlabelled" : outcome;
    this.saving = outcome;
    this.drawSide();
    await this.keep({ outcome: wanted }, wanted === "unlabelled" ? "Label taken back." : `Labelled ${wanted}.`);
    this.saving = "";
    this.drawSide();
  }

  private edit(): void {
    const { episode } = this;
    if (!episode?.may_change || this.querySelector("form.instruction")) return;
    const form = new InstructionForm(episode.instruction, (words) => {
      this.drawSide();
      if (words !== null && words !== episode.instruction) void this.keep({ instruction: words }, "Instruction saved.");
    });
    this.at("title").replaceWith(form.element);
    form.focus();
  }

  private async keep(wanted: Change, done: string): Promise<void> {
    const { episode } = this;
    if (!episode) return;
    try {
      const answer = await change(this.url, episode.version, wanted);
      this.take(answer.now);
      if (answer.kept) {
        say(done);
        this.neighbours?.reload();
      } else {
        const run = (): void => void this.keep(wanted, done);
        toast("Somebody else changed this episode first. What you see now is theirs.", {
          kind: "warn",
          strong: "Not saved.",
          action: { label: "Use mine", run },
        });
      }
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "Not saved." }));
    }
  }

  private async takeAway(): Promise<void> {
    const { episode } = this;
    if (!episode?.may_remove || episode.removed) return;
    try {
      this.take(await remove(this.url, episode.version));
      toast(`Episode ${episode.number} removed.`, {
        action: { label: "Undo", key: "U", run: () => void this.bringBack() },
      });
      this.neighbours?.reload();
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "Not removed." }));
    }
  }

  private async bringBack(): Promise<void> {
    try {
      this.take(await restore(this.url));
      this.neighbours?.reload();
      say("Episode restored.");
    } catch (error) {
      this.failed(error, (sentence) => toast(sentence, { kind: "err", strong: "Not restored." }));
    }
  }

  private undo(): void {
    const pressed = document.querySelector<HTMLButtonElement>('.toast:last-child [data-key="u"]');
    if (pressed) pressed.click();
    else if (this.episode?.removed) void this.bringBack();
  }

  /** Shows the server's sentence; a page that was left is silent; anything else is a defect and is thrown on. */
  private failed(error: unknown, show: (sentence: string) => void): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Refused || error instanceof RangeError)) throw error;
    show(error.message);
  }

  private get sheet(): HTMLDialogElement {
    return this.at("keys") as HTMLDialogElement;
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("episode-player", EpisodePlayer);
