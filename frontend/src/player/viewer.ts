// A playable episode on the screen: cameras, transport, time line and plots under one playhead. It changes nothing on the server.
import type { EpisodeDetail, EpisodeEvent } from "../episodes/shapes";
import { icon } from "../icons";
import { clockTenths, safe } from "../text";
import { clampStretches, nextIntervention, pilotAt, type Rows } from "./columns";
import { type LaneSet, lanesOf } from "./lanes";
import { clampMarks, eventMarks } from "./marks";
import { stage } from "./markup";
import { Playhead } from "./playhead";
import { Plots } from "./plots";

const LABELS_PX = 120;
const NUMBERS_MS = 100;
const JOIN_S = 0.3;

export class Viewer {
  readonly head: Playhead;
  private readonly plots: Plots;
  private readonly closing = new AbortController();
  private numbersAt = 0;

  /** `onRow` is told about the row under the playhead, at most ten times a second while playing. */
  constructor(
    private readonly root: HTMLElement,
    private readonly episode: EpisodeDetail,
    private readonly rows: Rows,
    events: readonly EpisodeEvent[],
    private readonly onRow: (row: number) => void,
  ) {
    const hz = episode.record_hz;
    const bits = rows.find("clamps")?.values ?? new Float32Array();
    const clamps = clampMarks(clampStretches(bits, episode.clamp_names, Math.round(JOIN_S * hz)), hz);
    root.innerHTML = stage(episode, rows, clamps, eventMarks(events));
    const videos = [...root.querySelectorAll("video")];
    this.head = new Playhead(videos, hz, episode.rows, () => this.draw());
    this.plots = new Plots(this.at("plots"), hz);
    this.lanes("tool");
    this.listen(videos);
    this.head.seek(0);
  }

  close(): void {
    this.closing.abort();
    this.head.close();
    this.plots.clear();
  }

  act(name: string, button: HTMLElement): void {
    const { head } = this;
    if (name === "play") head.toggle();
    if (name === "first") head.seek(0);
    if (name === "last") head.seek(head.rows - 1);
    if (name === "next") this.nextTakeover();
    if (name === "seek") head.seek(Number(button.dataset.row));
    if (name === "speed") this.speed(Number(button.dataset.speed));
    if (name === "lanes") this.lanes(button.dataset.lanes as LaneSet);
  }

  nextTakeover(): void {
    const row = nextIntervention(this.episode.band, this.head.frame);
    if (row >= 0) this.head.seek(row);
  }

  private speed(speed: number): void {
    this.head.setSpeed(speed);
    this.press("speed", String(speed));
  }

  private lanes(set: LaneSet): void {
    this.plots.show(lanesOf(this.rows, set));
    this.plots.mark(this.head.frame);
    this.press("lanes", set);
  }

  private press(group: string, value: string): void {
    for (const button of this.root.querySelectorAll<HTMLElement>(`[data-do="${group}"]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[group] === value));
    }
  }

  private listen(videos: HTMLVideoElement[]): void {
    const { signal } = this.closing;
    const time = this.at("time");
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
    for (const video of videos) video.addEventListener("error", () => noVideo(video), { signal });
    document.addEventListener("themechange", () => this.plots.recolour(), { signal });
    const sizes = new ResizeObserver(() => this.plots.fit());
    sizes.observe(time);
    signal.addEventListener("abort", () => sizes.disconnect());
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

  private numbers(row: number): void {
    this.plots?.mark(row);
    this.hud(row);
    const time = this.at("time");
    time.setAttribute("aria-valuenow", String(row));
    time.setAttribute("aria-valuetext", `${clockTenths(row / this.episode.record_hz)}, frame ${row + 1}`);
    this.onRow(row);
  }

  private hud(row: number): void {
    const main = this.episode.videos[0]?.camera ?? "";
    const mainLag = this.rows.at(row, "lag", main);
    this.episode.videos.forEach(({ camera }, index) => {
      const hud = this.root.querySelector(`[data-hud="${index}"]`);
      if (!hud) return;
      const repeated = this.rows.at(row, "repeated", camera) === 1 ? ", repeated" : "";
      const after = Math.round(mainLag - this.rows.at(row, "lag", camera));
      const beside = Number.isFinite(after) ? `${after < 0 ? "−" : "+"}${Math.abs(after)} ms` : "";
      hud.textContent = `${index === 0 ? `frame ${row + 1} of ${this.episode.rows}` : beside}${repeated}`;
    });
    const pilot = pilotAt(this.episode, row);
    const badge = this.at("pilot");
    if (badge.dataset.pilot === pilot) return;
    badge.dataset.pilot = pilot;
    const mark = pilot === "operator" ? "hand" : pilot === "hold" ? "lock" : "policy";
    badge.innerHTML = `${icon(mark)}${safe(pilot.charAt(0).toUpperCase() + pilot.slice(1))}`;
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
