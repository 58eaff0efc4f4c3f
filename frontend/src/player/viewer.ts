// A playable episode on the screen: cameras, transport, time line and plots under one playhead. It changes nothing on the server.
import type { EpisodeDetail, EpisodeEvent } from "../episodes/shapes";
import { icon } from "../icons";
import { clockTenths, safe } from "../text";
import { clampStretches, nextIntervention, pilotAt, type Rows } from "./columns";
import { type LaneSet, lanesOf } from "./lanes";
import { clampMarks, eventMarks } from "./marks";
import { Playhead } from "./playhead";
import { Plots } from "./plots";
import { marksLane, SPEEDS, stage, togetherHtml, trimHtml } from "./stage";
import { isTrimmed, kept } from "./trim";
import type { Why } from "./why";

const LABELS_PX = 120;
const NUMBERS_MS = 100;
const JOIN_S = 0.3;

/** What the viewer tells: the row under the playhead (at most ten times a second while playing), that the plots came into sight. */
export interface Listener {
  row(row: number): void;
  plotsSeen(): void;
}

export class Viewer {
  readonly head: Playhead;
  private readonly plots: Plots;
  private readonly closing = new AbortController();
  private rows: Rows | null = null;
  private set: LaneSet = "tool";
  private limit: number | undefined;
  private looping = false;
  private numbersAt = 0;

  constructor(
    private readonly root: HTMLElement,
    private episode: EpisodeDetail,
    frame: number,
    private readonly listener: Listener,
  ) {
    root.innerHTML = stage(episode);
    const videos = [...root.querySelectorAll("video")];
    this.head = new Playhead(
      videos,
      episode.record_hz,
      episode.rows,
      () => this.draw(),
      () => this.drawShown(),
    );
    this.plots = new Plots(this.at("plots"));
    this.listen(videos);
    this.update(episode);
    this.head.seek(frame);
  }

  close(): void {
    this.closing.abort();
    this.head.close();
    this.plots.clear();
  }

  /** What a person changed: the trim. */
  update(episode: EpisodeDetail): void {
    this.episode = episode;
    const { first, last } = kept(episode);
    const hz = episode.record_hz;
    this.grey("trim-in", first / episode.rows);
    this.grey("trim-out", (episode.rows - 1 - last) / episode.rows);
    this.at("trim").innerHTML = trimHtml(first / hz, (last + 1) / hz, isTrimmed(episode), episode.may_change);
    if (this.looping) this.head.loop = { first, last };
  }

  private grey(end: string, share: number): void {
    this.at(end).hidden = share <= 0;
    this.at(end).style.setProperty("--share", String(share));
  }

  /** The rows, once they are read: limits, events and plots appear. */
  fill(rows: Rows, events: readonly EpisodeEvent[], why: Why | null): void {
    this.rows = rows;
    this.limit = why?.limit;
    const { episode } = this;
    const bits = rows.find("clamps")?.values ?? new Float32Array();
    const gap = Math.round(JOIN_S * episode.record_hz);
    const clamps = clampMarks(clampStretches(bits, episode.clamp_names, gap), episode.record_hz);
    this.at("lanes").innerHTML =
      marksLane("Limits", clamps, episode.rows) +
      marksLane("Events", eventMarks(events), episode.rows) +
      (why ? marksLane("Why", why.marks, episode.rows) : "");
    this.at("together").innerHTML = togetherHtml(rows.cameraSpread(), episode.record_hz);
    this.lanes(this.set);
    this.numbers(this.head.frame);
    this.root.dataset.plots = "drawn";
  }

  act(name: string, button: HTMLElement): void {
    const { head } = this;
    if (name === "play") head.toggle();
    if (name === "first") head.seek(0);
    if (name === "last") head.seek(head.rows - 1);
    if (name === "next-takeover") this.nextTakeover();
    if (name === "seek") head.seek(Number(button.dataset.row));
    if (name === "speed") this.speed(Number(button.dataset.speed));
    if (name === "loop") this.loop();
    if (name === "lanes") this.lanes(button.dataset.lanes as LaneSet);
  }

  nextTakeover(): void {
    const row = nextIntervention(this.episode.band, this.head.frame);
    if (row >= 0) this.head.seek(row);
  }

  /** One step slower or faster. */
  changeSpeed(step: -1 | 1): void {
    const speed = SPEEDS[SPEEDS.indexOf(this.head.speed) + step];
    if (speed !== undefined) this.speed(speed);
  }

  /** Plays what is kept again and again, or no longer. */
  loop(): void {
    this.looping = !this.looping;
    this.head.loop = this.looping ? kept(this.episode) : null;
    this.root.querySelector('[data-do="loop"]')?.setAttribute("aria-pressed", String(this.looping));
  }

  private speed(speed: number): void {
    this.head.setSpeed(speed);
    this.press("speed", String(speed));
  }

  private lanes(set: LaneSet): void {
    this.set = set;
    this.press("lanes", set);
    if (!this.rows) return;
    this.plots.show(lanesOf(this.rows, set, this.limit));
    this.plots.mark(this.head.frame);
  }

  private press(group: string, value: string): void {
    for (const button of this.root.querySelectorAll<HTMLElement>(`[data-do="${group}"]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[group] === value));
    }
  }

  private listen(videos: HTMLVideoElement[]): void {
    const { signal } = this.closing;
    this.scrub(this.at("time"), signal);
    for (const video of videos) video.addEventListener("error", () => noVideo(video), { signal });
    document.addEventListener("themechange", () => this.plots.recolour(), { signal });
    const sizes = new ResizeObserver(() => this.plots.fit());
    sizes.observe(this.at("time"));
    const sight = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      sight.disconnect();
      this.listener.plotsSeen();
    });
    sight.observe(this.at("plots"));
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      sight.disconnect();
    });
  }

  private scrub(time: HTMLElement, signal: AbortSignal): void {
    const seek = (event: PointerEvent): void => {
      const box = time.getBoundingClientRect();
      const part = (event.clientX - box.left - LABELS_PX) / Math.max(1, time.clientWidth - LABELS_PX);
      this.head.seek(part * this.episode.rows - 0.5);
    };
    time.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || (event.target instanceof Element && event.target.closest("button, .l"))) return;
        time.setPointerCapture(event.pointerId);
        seek(event);
      },
      { signal },
    );
    time.addEventListener("pointermove", (event) => time.hasPointerCapture(event.pointerId) && seek(event), { signal });
  }

  private draw(): void {
    const { head, episode } = this;
    const row = head.frame;
    const line = this.at("playhead");
    line.style.setProperty("--at", String((row + 0.5) / episode.rows));
    this.at("now").textContent = clockTenths(head.seconds);
    (line.firstElementChild as HTMLElement).textContent = clockTenths(head.seconds);
    const play = this.root.querySelector('[data-do="play"]') as HTMLElement;
    const label = head.playing ? "Pause" : "Play";
    if (play.getAttribute("aria-label") !== label) {
      play.setAttribute("aria-label", label);
      play.innerHTML = icon(head.playing ? "pause" : "play", head.playing ? "" : "f");
    }
    this.root.dataset.frame = String(row);
    this.root.dataset.playing = String(head.playing);
    const now = performance.now();
    if (head.playing && now - this.numbersAt < NUMBERS_MS) return;
    this.numbersAt = now;
    this.numbers(row);
  }

  /** `data-shown`: the frame that each camera really shows, as the browser tells; what the page claims can be checked by it. */
  private drawShown(): void {
    this.root.dataset.shown = this.head.shown.join(" ");
  }

  private numbers(row: number): void {
    this.plots?.mark(row);
    this.hud(row);
    const time = this.at("time");
    time.setAttribute("aria-valuenow", String(row));
    time.setAttribute("aria-valuetext", `${clockTenths(row / this.episode.record_hz)}, frame ${row}`);
    this.listener.row(row);
  }

  private hud(row: number): void {
    this.episode.videos.forEach(({ camera }, index) => {
      const hud = this.root.querySelector(`[data-hud="${index}"]`);
      if (!hud) return;
      const repeated = this.rows?.at(row, "repeated", camera) === 1 ? ", repeated" : "";
      hud.textContent = `${index === 0 ? `frame ${row} of ${this.episode.rows}` : this.beside(row, camera)}${repeated}`;
    });
    const pilot = pilotAt(this.episode, row);
    const badge = this.at("pilot");
    if (badge.dataset.pilot === pilot) return;
    badge.dataset.pilot = pilot;
    const mark = pilot === "operator" ? "hand" : pilot === "hold" ? "lock" : "policy";
    badge.innerHTML = `${icon(mark)}${safe(pilot.charAt(0).toUpperCase() + pilot.slice(1))}`;
  }

  /** How much later than the first camera's this camera's picture was taken. */
  private beside(row: number, camera: string): string {
    if (!this.rows) return "";
    const main = this.episode.videos[0]?.camera ?? "";
    const after = Math.round(this.rows.at(row, "lag", main) - this.rows.at(row, "lag", camera));
    return Number.isFinite(after) ? `${after < 0 ? "−" : "+"}${Math.abs(after)} ms` : "";
  }

  private at(name: string): HTMLElement {
    return this.root.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function noVideo(video: HTMLVideoElement): void {
  const words = document.createElement("span");
  words.className = "no-pic";
  words.textContent = "This video could not be loaded. Load the page again.";
  video.after(words);
}
