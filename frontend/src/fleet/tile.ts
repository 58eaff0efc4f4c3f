// One robot on the page, twice: as a card with its picture and as a line of the table. Changes only what differs, so that focus and pictures stay.
import type { RobotRow } from "../generated/protocol";
import { icon } from "../icons";
import { chipHtml } from "../mode";
import { clock, safe } from "../text";
import type { Doing } from "./sentence";

const NO_PICTURE = `<span class="no-pic">${icon("camera")}<span>no picture</span></span>`;

const RELEASE = '<button type="button" class="btn over" data-do="release">Release hold</button>';

function picture(row: RobotRow): string {
  return `${NO_PICTURE}<img class="pic" alt="Newest picture of ${safe(row.name)}" hidden decoding="async">`;
}

function make(tag: string, className: string, html: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.innerHTML = html;
  return element;
}

export class Tile {
  readonly card: HTMLElement;
  readonly line: HTMLElement;
  private readonly parts = new Map<string, string>();

  constructor(row: RobotRow) {
    const address = `/teleop/${encodeURIComponent(row.id)}/`;
    this.card = make(
      "article",
      "card",
      `<div class="cam">${picture(row)}<div class="hud plate" data-p="chip"></div><div class="hud age" data-p="age"></div></div>
      <div class="c"><div class="row"><h2 class="s13 b"><a class="cover" href="${address}" data-p="name"></a></h2><span class="muted el" data-p="kind"></span></div>
      <p class="s13 b el" data-p="title"></p><p class="t2 two" data-p="detail"></p>
      <div class="row act"><span class="btn" data-p="action"></span><span data-p="release"></span><span class="sp s11 muted el" data-p="held"></span></div></div>`,
    );
    this.line = make(
      "tr",
      "",
      `<td><div class="cam th">${picture(row)}</div></td><td><a class="b ink" href="${address}" data-p="name"></a><br><span class="muted s11" data-p="kind"></span></td>
      <td class="nw" data-p="chip"></td><td class="why"><span data-p="title"></span><br><span class="s11 muted" data-p="detail"></span> <span data-p="release"></span></td>
      <td class="hide-s nw" data-p="held"></td><td class="hide-s nw" data-p="recording"></td><td class="hide-s" data-p="health"></td>
      <td class="hide-s n" data-p="link"></td><td class="hide-s n" data-p="watchers"></td>`,
    );
    this.card.dataset.robot = row.id;
    this.line.dataset.robot = row.id;
  }

  get images(): HTMLImageElement[] {
    return [this.card, this.line].map((e) => e.querySelector("img.pic") as HTMLImageElement);
  }

  draw(row: RobotRow, what: Doing, lost: boolean): void {
    const chip = chipHtml(what.chip);
    const detail = what.needs ? `<span class="warn">${safe(what.detail)}</span>` : safe(what.detail);
    this.put("name", safe(row.name));
    this.put("kind", safe([row.kind, row.site].filter(Boolean).join(", ")));
    this.put("chip", chip);
    this.put("title", safe(what.title));
    this.put("detail", detail);
    this.put("age", pictureAge(row));
    this.put("action", `${icon(what.action === "Drive" ? "hand" : "camera")}${what.action}`);
    this.put("held", heldWords(what.held), this.card);
    this.put("held", safe(what.held), this.line);
    this.put("release", row.may_release ? RELEASE : helpLink(what.help));
    this.put("recording", recordingCell(row), this.line);
    this.put("health", healthCell(row), this.line);
    this.put("link", linkCell(row), this.line);
    this.put("watchers", row.online && row.state ? String(row.state.watchers ?? 0) : "–", this.line);
    this.card.classList.toggle("needs", what.needs);
    this.card.dataset.look = what.chip.look;
    this.line.dataset.look = what.chip.look;
    this.card.querySelector(".act .btn")?.classList.toggle("pri", what.action === "Drive" || what.needs);
    for (const cam of [this.card, this.line]) cam.querySelector(".cam")?.classList.toggle("stale", lost || !row.online);
  }

  remove(): void {
    this.card.remove();
    this.line.remove();
  }

  private put(part: string, html: string, where?: HTMLElement): void {
    for (const root of where ? [where] : [this.card, this.line]) {
      const key = `${root === this.card ? "card" : "line"}.${part}`;
      if (this.parts.get(key) === html) continue;
      this.parts.set(key, html);
      const target = root.querySelector(`[data-p="${part}"]`);
      if (target) target.innerHTML = html;
    }
  }
}

function helpLink(request: string): string {
  return request
    ? `<a class="btn over wait" href="/help/${safe(request)}/">${icon("question")}See what it asks</a>`
    : "";
}

function heldWords(held: string): string {
  return held === "nobody" ? "nobody holds it" : held === "unknown" ? "holder unknown" : `held by ${safe(held)}`;
}

function pictureAge(row: RobotRow): string {
  if (!row.online) return "";
  const recording = row.state?.recording;
  if (recording?.state === "recording") return `<i class="recdot"></i><b>REC ${clock(recording.seconds ?? 0)}</b>`;
  return "";
}

function recordingCell(row: RobotRow): string {
  const recording = row.online ? row.state?.recording : undefined;
  if (!recording) return "–";
  if (recording.state === "recording") return `<b>${clock(recording.seconds ?? 0)}</b>`;
  if (recording.state === "failed") return `<span class="err row">${icon("warning")}failed</span>`;
  if (recording.state === "finalising") return "saving";
  return (recording.pending ?? 0) > 0 ? `${recording.pending} to upload` : '<span class="muted">none</span>';
}

function healthCell(row: RobotRow): string {
  if (!row.online || !row.state) return `<span class="row muted">${icon("question")}Unknown</span>`;
  const note = row.alerts?.[0] ?? row.state.health?.notes?.[0];
  if (note) return `<span class="row warn">${icon("warning")}${safe(note)}</span>`;
  return `<span class="row ok nw">${icon("check")}Good</span>`;
}

function linkCell(row: RobotRow): string {
  const latency = row.online ? row.state?.control_latency_ms : null;
  return latency == null ? "–" : `${Math.round(latency)} ms`;
}
