// Markup of the stage: cameras, transport, time line. Data in, text out.
import type { EpisodeDetail } from "../episodes/shapes";
import { bandHtml } from "../episodes/words";
import { icon } from "../icons";
import { clock, clockTenths, safe } from "../text";
import { findingMarks, findingRanges } from "./findings";
import { type Mark, type Placed, place, ticks } from "./marks";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const SPEED_WORDS: Record<number, string> = { 0.25: "¼", 0.5: "½" };

export function kbd(key: string): string {
  return `<kbd>${key}</kbd>`;
}

/** Cameras, transport and time line; the lanes that need the rows are filled in later. */
export function stage(episode: EpisodeDetail): string {
  const shares = episode.videos.map((v) => `${(v.width / v.height).toFixed(3)}fr`).join(" ");
  return `<div class="cams" style="grid-template-columns:${shares}">${episode.videos.map(camera).join("")}</div>
  ${transport(episode)}
  <div class="tlw" data-part="time" role="slider" tabindex="0" aria-label="Time" aria-valuemin="0" aria-valuemax="${episode.rows - 1}">
    <div class="lane"><div class="l sets" role="group" aria-label="Plots">${sets()}</div><div class="tk">${tickMarks(episode.seconds)}</div></div>
    <div class="lane"><div class="l"><b>Pilot</b></div><div class="v">${bandHtml(episode.band, episode.rows, true)}</div></div>
    ${findingsLane(episode)}
    <div data-part="lanes" class="lanes">${marksLane("Limits", null, episode.rows)}${marksLane("Events", null, episode.rows)}</div>
    <div class="plots" data-part="plots"><p class="muted pb">Reading the rows.</p></div>
    <div class="trimmed" data-part="trim-in"></div><div class="trimmed" data-part="trim-out"></div>
    <div class="playhead" data-part="playhead"><b></b></div>
  </div>`;
}

function camera(video: EpisodeDetail["videos"][number], index: number): string {
  const raw = safe(video.camera);
  const name = raw.charAt(0).toUpperCase() + raw.slice(1);
  const pilot = index === 0 ? '<div class="hud" style="right:6px;top:6px" data-part="pilot"></div>' : "";
  return `<div class="cam" data-camera="${raw}" style="--ratio:${(video.width / video.height).toFixed(4)}"><video muted playsinline preload="metadata" src="${safe(video.url)}" aria-label="${name} camera"></video><div class="objects" data-objects="${raw}"></div><div class="hud" style="left:6px;top:6px"><b>${name}</b><span class="muted" data-hud="${index}"></span></div>${pilot}</div>`;
}

function transport(episode: EpisodeDetail): string {
  const speeds = SPEEDS.map(
    (s) =>
      `<button type="button" data-do="speed" data-speed="${s}" aria-pressed="${s === 1}" aria-label="Speed ${s}">${SPEED_WORDS[s] ?? s}×</button>`,
  );
  return `<div class="row transport">
    <button type="button" class="btn ico" data-do="first" aria-label="First frame">${icon("first", "f-line")}</button>
    <button type="button" class="btn pri ico" data-do="play" aria-label="Play">${icon("play", "f")}</button>
    <button type="button" class="btn ico" data-do="last" aria-label="Last frame">${icon("last")}</button>
    <span class="time"><b class="s13 b" data-part="now">0:00.0</b> <span class="muted">/ ${clockTenths(episode.seconds)}</span></span>
    <span class="seg" role="group" aria-label="Speed">${speeds.join("")}</span>
    <button type="button" class="btn ico" data-do="loop" aria-pressed="false" aria-label="Loop what is kept" title="Play what is kept again and again (L)">${icon("loop")}</button>
    <button type="button" class="btn" data-do="next-takeover">${icon("hand")}Next takeover${kbd("J")}</button>
    <span class="sp" data-part="together"></span><span class="row" data-part="trim"></span></div>`;
}

/** The button of the trim: what is kept, and the two keys that change it. */
export function trimHtml(first_s: number, last_s: number, trimmed: boolean, may: boolean): string {
  const clear = trimmed
    ? `<button type="button" class="btn quiet ico" data-do="untrim" aria-label="Take the trim away" title="Take the trim away">${icon("cross")}</button>`
    : "";
  const words = last_s < 60 ? clockTenths : clock;
  const keys = may ? `${kbd("I")}${kbd("O")}` : "";
  return `<span class="btn plain ${trimmed ? "on" : ""}">Trim ${keys}<span class="${trimmed ? "" : "muted"}">${words(first_s)}–${words(last_s)}</span></span>${clear}`;
}

export function togetherHtml(spread_ms: number, hz: number): string {
  if (!Number.isFinite(spread_ms)) return "";
  const near = spread_ms <= 1000 / hz;
  return `<span class="chip ${near ? "ok" : "warn"}" title="How far apart the cameras took their pictures of one row, 95 of 100 rows">${icon(near ? "check" : "warning")}within ${Math.max(1, Math.round(spread_ms))} ms</span>`;
}

function sets(): string {
  return ["tool", "joints", "all"]
    .map(
      (set) =>
        `<button type="button" data-do="lanes" data-lanes="${set}" aria-pressed="${set === "tool"}">${set.charAt(0).toUpperCase()}${set.slice(1)}</button>`,
    )
    .join("");
}

function tickMarks(seconds: number): string {
  const marks = ticks(seconds).map(
    (at) => `<span style="left:${((100 * at) / seconds).toFixed(2)}%">${clock(at)}</span>`,
  );
  return `${marks.join("")}<span class="end">${seconds < 60 ? clockTenths(seconds) : clock(seconds)}</span>`;
}

function findingsLane(episode: EpisodeDetail): string {
  const marks = findingMarks(episode.findings);
  return marksLane("Findings", marks, episode.rows, findingRanges(episode.findings, episode.rows));
}

/** A lane of marks; null while it is not known what it holds. */
export function marksLane(label: string, marks: readonly Mark[] | null, rows: number, under = ""): string {
  const found = place(marks ?? [], rows)
    .map(mark)
    .join("");
  return `<div class="lane"><div class="l"><b>${label}</b><span class="val">${marks ? marks.length : "–"}</span></div><div class="v marks">${under}${found}</div></div>`;
}

function mark(m: Placed): string {
  const words = safe(m.words);
  const text = m.labelled ? words : "";
  const more = m.more > 0 ? ` +${m.more}` : "";
  const title = `${safe(m.title ?? m.words)}${more ? `, and ${m.more} more` : ""}`;
  return `<button type="button" class="find ${m.look}" style="left:${m.left.toFixed(2)}%" data-do="seek" data-row="${m.row}" title="${title}" aria-label="${title}">${icon(m.icon)}${text}${more}</button>`;
}
