// Markup of the library's results: cards with a picture, or lines of a table. Data in, text out.
import { icon } from "../icons";
import { clock, safe } from "../text";
import type { LibraryRow } from "./library_shapes";
import { bandHtml, instructionOf, verdict, when, withFilter } from "./words";

export const PICTURES = 12; // of one strip

function picture(episode: LibraryRow, kind: string): string {
  const v = verdict(episode);
  const inside = episode.poster
    ? `<img class="pic" src="${safe(episode.poster)}" alt="" loading="lazy" decoding="async">`
    : `<span class="no-pic">${icon(v.icon)}</span>`;
  const strip = episode.strip ? ` data-strip="${safe(episode.strip)}"` : "";
  return `<span class="cam ${kind}"${strip}>${inside}</span>`;
}

function marks(episode: LibraryRow): string {
  const stars = episode.quality
    ? `<span class="chip" title="Quality ${episode.quality} of 5">${episode.quality}/5</span>`
    : "";
  const kind = episode.failure ? `<span class="chip err">${safe(episode.failure)}</span>` : "";
  const found = Object.values(episode.found).reduce((sum, n) => sum + n, 0);
  const findings = found
    ? `<span class="chip warn" title="${safe(Object.keys(episode.found).join(", "))}">${icon("warning")}${found}</span>`
    : "";
  const tags = episode.tags.slice(0, 3).map((tag) => `<span class="chip acc">${safe(tag)}</span>`);
  return `${kind}${stars}${findings}${tags.join("")}`;
}

function tick(episode: LibraryRow, chosen: boolean): string {
  return `<button type="button" class="tick" role="checkbox" aria-checked="${chosen}" tabindex="-1" data-do="tick" aria-label="Select episode ${episode.number}">${icon("check")}</button>`;
}

/** One card; the link over it opens the player with the list's filter, the box in its corner selects. */
export function card(episode: LibraryRow, chosen: boolean, filter: URLSearchParams): string {
  const v = verdict({ ...episode, found: {} }); // findings have a mark of their own
  const extra = marks(episode);
  return `<article class="ecard" data-id="${safe(episode.id)}" aria-selected="${chosen}">
    <a class="open" href="${safe(withFilter(episode.url, filter))}" data-open aria-label="Episode ${episode.number}: ${safe(instructionOf(episode))}, ${safe(v.words)}">${picture(episode, "r43")}
    <span class="hud len">${clock(episode.seconds)}</span>
    <span class="c"><b class="el ink">${safe(instructionOf(episode))}</b>
    <span class="row s11"><span class="row ${v.look}">${icon(v.icon)}${safe(v.words)}</span><span class="grow muted el">${safe(episode.robot.name)}</span><span class="muted">${when(episode.started_at)}</span></span>
    ${bandHtml(episode.band, episode.rows)}${extra ? `<span class="row wrap marks">${extra}</span>` : ""}</span></a>${tick(episode, chosen)}</article>`;
}

export function tableHead(): string {
  return `<thead><tr><th><span class="sr">Selected</span></th><th><span class="sr">Picture</span></th><th>Instruction</th><th>Ended</th><th class="band-col">Who drove</th><th>Robot</th><th>People</th><th>Marks</th><th>When</th><th class="n">Length</th></tr></thead>`;
}

export function line(episode: LibraryRow, chosen: boolean, filter: URLSearchParams): string {
  const v = verdict({ ...episode, found: {} }); // findings have a mark of their own
  const people = episode.people.map((p) => p.name).join(", ");
  const second = episode.problem || `Episode ${episode.number}${episode.task ? ` · ${episode.task}` : ""}`;
  return `<tr class="ecard" data-id="${safe(episode.id)}" aria-selected="${chosen}"><td>${tick(episode, chosen)}</td><td>${picture(episode, "th")}</td>
  <td class="why"><a class="b ink" href="${safe(withFilter(episode.url, filter))}" data-open>${safe(instructionOf(episode))}</a><br><span class="s11 ${episode.problem ? "err" : "muted"}">${safe(second)}</span></td>
  <td class="nw"><span class="row ${v.look}">${icon(v.icon)}${safe(v.words)}</span></td><td class="hide-s band-col">${bandHtml(episode.band, episode.rows)}</td>
  <td class="hide-s nw">${safe(episode.robot.name)}</td><td class="hide-s">${people ? safe(people) : '<span class="muted">nobody</span>'}</td>
  <td class="hide-s"><span class="row wrap">${marks(episode)}</span></td><td class="hide-s nw t2">${when(episode.started_at)}</td><td class="n">${clock(episode.seconds)}</td></tr>`;
}

export function skeletons(): string {
  return `<div class="ecards" aria-hidden="true">${'<div class="ecard wait"><span class="cam r43"></span><span class="c"></span></div>'.repeat(12)}</div>`;
}

export function noneAtAll(): string {
  return `<div class="empty">${icon("film")}<b>No episode yet</b><p>Take a robot, press record, drive, and stop. What you did appears here within seconds.</p><a class="btn pri" href="/">Choose a robot</a></div>`;
}

export function noneMatches(): string {
  return `<div class="empty">${icon("search")}<b>No episode matches these filters</b><p>Take one of them away, or start again.</p><button type="button" class="btn" data-do="clear">Show all</button></div>`;
}

export function notLoaded(sentence: string): string {
  return `<div class="empty">${icon("warning")}<b>The episodes could not be loaded</b><p>${safe(sentence)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
}
