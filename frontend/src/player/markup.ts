// Markup of the player: frame, transport, time line, side panel, key sheet. Data in, text out.
import type { EpisodeDetail } from "../episodes/shapes";
import { bandHtml, instructionOf, verdict, when } from "../episodes/words";
import { icon } from "../icons";
import { bytes, clock, clockTenths, count, fixed, safe } from "../text";
import { clampsAt, clampWords, pilotAt, type Rows } from "./columns";
import { laneName, unitWords } from "./lanes";
import { type Mark, type Placed, place, ticks } from "./marks";

export const SPEEDS = [0.5, 1, 2, 4];

export function frame(): string {
  return `<div class="pl"><nav class="lst" aria-label="Episodes" data-part="list"></nav><section class="ctr" data-part="centre" aria-label="Player"></section><aside class="side" data-part="side" aria-label="About this episode"></aside></div>
  <footer class="foot">${[
    ["Space", "play"],
    ["← →", "1 frame"],
    ["Shift", "10"],
    ["Ctrl", "5"],
    ["↑ ↓", "episode"],
    ["Y X", "success, failure"],
    ["J", "next takeover"],
    ["Del", "remove, can be undone"],
  ]
    .map(([keys, words]) => `<span>${(keys ?? "").split(" ").map(kbd).join("")}${words}</span>`)
    .join(
      "",
    )}<button type="button" class="btn quiet sp keys-button" data-do="keys">${kbd("?")} all keys</button></footer>
  <dialog class="panel keys" data-part="keys" aria-label="Keys"></dialog>`;
}

function kbd(key: string): string {
  return `<kbd>${key}</kbd>`;
}

export function keySheet(): string {
  const rows = [
    ["Space", "play, pause"],
    ["← →", "one frame back, on"],
    ["Shift ← →", "ten frames"],
    ["Ctrl ← →", "five frames"],
    ["Home End", "first, last frame"],
    ["↑ ↓", "newer, older episode"],
    ["J", "to the next takeover"],
    ["Y X", "success, failure; again takes it back"],
    ["E", "edit the instruction"],
    ["Del", "remove; U brings it back"],
    ["`", "remote stop of every robot, outside text fields"],
    ["Esc", "close this"],
  ];
  const lines = rows.map(([keys, words]) => `<dt>${(keys ?? "").split(" ").map(kbd).join(" ")}</dt><dd>${words}</dd>`);
  return `<div class="ph"><h2>Keys</h2><form method="dialog" class="sp"><button class="btn quiet ico" aria-label="Close">${icon("cross")}</button></form></div><dl class="kv l pb">${lines.join("")}</dl>`;
}

/** Cameras, transport and time line of a playable episode. */
export function stage(episode: EpisodeDetail, rows: Rows, clamps: readonly Mark[], events: readonly Mark[]): string {
  return `<div class="cams" style="--n:${episode.videos.length}">${episode.videos.map(camera).join("")}</div>
  ${transport(episode, rows.cameraSpread())}
  <div class="tlw" data-part="time" role="slider" tabindex="0" aria-label="Time" aria-valuemin="0" aria-valuemax="${episode.rows - 1}">
    <div class="lane"><span></span><div class="tk">${tickMarks(episode.seconds)}</div></div>
    <div class="lane"><div class="l"><b>Pilot</b></div><div class="v">${bandHtml(episode.band, episode.rows, true)}</div></div>
    ${marksLane("Limits", clamps, episode.rows)}${marksLane("Events", events, episode.rows)}
    <div class="plots" data-part="plots"></div><div class="playhead" data-part="playhead"><b></b></div>
  </div>`;
}

function camera(video: { camera: string; url: string }, index: number): string {
  const name = safe(video.camera.charAt(0).toUpperCase() + video.camera.slice(1));
  const pilot = index === 0 ? '<div class="hud" style="right:6px;top:6px" data-part="pilot"></div>' : "";
  return `<div class="cam"><video muted playsinline preload="auto" src="${safe(video.url)}" aria-label="${name} camera"></video><div class="hud" style="left:6px;top:6px"><b>${name}</b><span class="muted" data-hud="${index}"></span></div>${pilot}</div>`;
}

function transport(episode: EpisodeDetail, spread: number): string {
  const speeds = SPEEDS.map(
    (s) =>
      `<button type="button" data-do="speed" data-speed="${s}" aria-pressed="${s === 1}">${s === 0.5 ? "½" : s}×</button>`,
  );
  const near = spread <= 1000 / episode.record_hz;
  const together = Number.isFinite(spread)
    ? `<span class="chip ${near ? "ok" : "warn"}">${icon(near ? "check" : "warning")}cameras within ${Math.max(1, Math.round(spread))} ms</span>`
    : "";
  return `<div class="row transport">
    <button type="button" class="btn ico" data-do="first" aria-label="First frame">${icon("first", "f-line")}</button>
    <button type="button" class="btn pri ico" data-do="play" aria-label="Play">${icon("play", "f")}</button>
    <button type="button" class="btn ico" data-do="last" aria-label="Last frame">${icon("last")}</button>
    <span class="time"><b class="s13 b" data-part="now">0:00.0</b> <span class="muted">/ ${clockTenths(episode.seconds)}</span></span>
    <span class="seg" role="group" aria-label="Speed">${speeds.join("")}</span>
    <button type="button" class="btn" data-do="next">${icon("hand")}Next takeover${kbd("J")}</button>
    <span class="sp"></span>${together}
    <span class="seg" role="group" aria-label="Plots"><button type="button" data-do="lanes" data-lanes="tool" aria-pressed="true">Tool</button><button type="button" data-do="lanes" data-lanes="joints" aria-pressed="false">Joints</button><button type="button" data-do="lanes" data-lanes="all" aria-pressed="false">All</button></span></div>`;
}

function tickMarks(seconds: number): string {
  const marks = ticks(seconds).map(
    (at) => `<span style="left:${((100 * at) / seconds).toFixed(2)}%">${clock(at)}</span>`,
  );
  return `${marks.join("")}<span class="end">${clock(seconds)}</span>`;
}

function marksLane(label: string, marks: readonly Mark[], rows: number): string {
  const found = place(marks, rows).map(mark).join("");
  return `<div class="lane"><div class="l"><b>${label}</b><span class="val">${marks.length}</span></div><div class="v marks">${found}</div></div>`;
}

function mark(m: Placed): string {
  const words = safe(m.words);
  const text = m.labelled ? words : "";
  const more = m.more > 0 ? ` +${m.more}` : "";
  return `<button type="button" class="find ${m.look}" style="left:${m.left.toFixed(2)}%" data-do="seek" data-row="${m.row}" title="${words}${more ? `, and ${m.more} more` : ""}" aria-label="${words}">${icon(m.icon)}${text}${more}</button>`;
}

/** Head and label part of the side panel. `saving` marks the outcome on its way to the server. */
export function aboutHtml(e: EpisodeDetail, saving: string): string {
  const pick = (value: string, label: string, key: string, mark: "check" | "cross"): string => {
    const on = e.outcome === value;
    const look = saving === value ? "wait" : on ? `chosen ${value}` : "";
    const why = e.may_change ? "" : ' disabled title="Reviewers and operators may label episodes."';
    return `<button type="button" class="btn grow ${look}" data-do="outcome" data-outcome="${value}" aria-pressed="${on}"${why}>${icon(mark)}${label}${kbd(key)}</button>`;
  };
  const edit = e.may_change
    ? `<button type="button" class="btn quiet ico" data-do="edit" aria-label="Edit the instruction" title="Edit the instruction (E)">${icon("pen")}</button>`
    : "";
  return `<section><div class="row top"><h1 class="s15 grow" data-part="title">${safe(instructionOf(e))}</h1>${edit}</div>
  <p class="muted s11">Episode ${e.number} · ${safe(e.robot.name)} · ${when(e.started_at)} · ${e.record_hz} fps</p></section>
  <section><h2>How did it end?</h2><div class="row">${pick("success", "Success", "Y", "check")}${pick("failure", "Failure", "X", "cross")}</div></section>
  ${findings(e)}`;
}

function findings(e: EpisodeDetail): string {
  const found: string[] = [];
  if (e.cut) found.push(`<b>Cut</b><br><span class="muted s11">${safe(e.cut_reason || "The end is missing.")}</span>`);
  for (const f of e.findings) found.push(`<b>${safe(f.sentence)}</b>`);
  for (const [camera, n] of Object.entries(e.frames_repeated)) {
    if (n > 0)
      found.push(
        `<b>${count(n, "frame")} of ${safe(camera)} repeated</b><br><span class="muted s11">The camera was late; the flag is in the rows.</span>`,
      );
  }
  if (e.rows_lost > 0)
    found.push(
      `<b>${count(e.rows_lost, "row")} lost</b><br><span class="muted s11">The recorder could not keep up.</span>`,
    );
  const lines = found.map((text) => `<li class="check">${icon("warning", "warn")}<span>${text}</span></li>`);
  const fine = `<li class="check">${icon("check", "ok")}<span>Whole: ${count(e.rows, "row")}, as many frames of each camera</span></li>`;
  return `<section><h2>Findings<span class="sp">${found.length === 0 ? "" : `${found.length} to look at`}</span></h2><ul class="col">${lines.join("")}${e.rows_lost === 0 && e.status !== "received" && e.findings.length === 0 ? fine : ""}</ul></section>`;
}

/** Facts that do not change with time. */
export function factsHtml(e: EpisodeDetail): string {
  const people = e.people.map((p) => `<dt>Driven by ${safe(p.name)}</dt><dd>${p.frames} of ${e.rows}</dd>`).join("");
  const world = e.world.name
    ? `<dt>World</dt><dd>${safe(e.world.name)}${e.world.seed ? `, seed ${safe(e.world.seed)}` : ""}</dd>`
    : "";
  const away = e.may_remove
    ? `<button type="button" class="btn danger" data-do="remove">${icon("bin")}Remove${kbd("Del")}</button>`
    : "";
  return `<section><dl class="kv">${people}<dt>Cameras</dt><dd>${e.cameras.map(safe).join(", ")}</dd><dt>Size</dt><dd>${bytes(e.size_bytes)}</dd><dt>Body</dt><dd>${safe(e.embodiment)}</dd>${world}<dt>Program</dt><dd>${safe(e.program || "–")}</dd><dt>State</dt><dd>${safe(verdict(e).words)}</dd></dl></section>
  <section class="row">${away}</section>`;
}

/** What was asked, done and seen at one row. */
export function atHtml(e: EpisodeDetail, rows: Rows, row: number): string {
  const bits = rows.at(row, "clamps");
  const clamped = clampsAt(bits, e.clamp_names).map(clampWords);
  const lines = rows.of("asked").map((asked) => {
    const done = rows.at(row, "done", asked.name);
    const differs = Math.abs(done - (asked.values[row] ?? 0)) > 0.005 && clamped.length > 0;
    return `<dt>${safe(laneName(asked.name))}</dt><dd class="${differs ? "warn" : ""}">${fixed(asked.values[row] ?? Number.NaN)} / ${fixed(done)}${safe(unitWords(asked.unit))}</dd>`;
  });
  const age = rows.at(row, "latency");
  const seen = Number.isFinite(age) ? `${Math.round(age)} ms old picture` : "–";
  const words =
    clamped.length > 0
      ? `<p class="check warn s11">${icon("shield")}<span>${clamped.map(safe).join(", ")}</span></p>`
      : "";
  return `<h2>At ${clockTenths(row / e.record_hz)}<span class="sp">asked / done</span></h2><dl class="kv">${lines.join("")}<dt>Pilot</dt><dd>${safe(pilotAt(e, row))}</dd><dt>Operator saw</dt><dd>${seen}</dd></dl><div class="clamped">${words}</div>`;
}

export function notPlayable(e: EpisodeDetail): string {
  if (e.status === "received") {
    return `<div class="empty">${icon("clock")}<b>Being checked</b><p>The robot has handed over everything. Hashes, rows and frames are compared now; it plays here when that is done.</p></div>`;
  }
  return `<div class="empty">${icon("warning")}<b>Not playable</b><p>${safe(e.problem || "The check failed.")}</p><p class="muted">Nothing was thrown away. Record again, or ask an administrator to look at the files.</p></div>`;
}

export function missing(sentence: string): string {
  return `<div class="empty">${icon("film")}<b>This episode cannot be shown</b><p>${safe(sentence)}</p><a class="btn pri" href="/episodes/">All episodes</a></div>`;
}

export function removedBanner(): string {
  return `<div class="banner warn">${icon("bin")}<span class="grow"><b>Removed.</b> It is in no list and in no new dataset.</span><button type="button" class="btn" data-do="restore">Restore${kbd("U")}</button></div>`;
}
