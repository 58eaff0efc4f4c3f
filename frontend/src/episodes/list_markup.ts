// Markup of the episode list: frame, filters, lines, empty states. Data in, text out.
import { icon } from "../icons";
import { bytes, clock, count, safe } from "../text";
import type { EpisodePage, EpisodeRow } from "./shapes";
import type { Filter } from "./store";
import { bandHtml, instructionOf, verdict, when } from "./words";

export function shell(search: string): string {
  return `
  <div class="head"><h1>Episodes</h1><span class="sp"></span>
    <label class="field wide">${icon("search")}<span class="sr">Search episodes</span><input type="search" value="${safe(search)}" placeholder="Words, robot, person" autocomplete="off" spellcheck="false"><kbd>/</kbd></label></div>
  <div class="row wrap strip" data-part="strip"></div>
  <div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the episodes.</span></div></div>`;
}

const OUTCOMES = [
  ["", "all"],
  ["success", "success"],
  ["failure", "failure"],
  ["unlabelled", "no label"],
] as const;

/** Chips with counts and the choice of robot. */
export function strip(page: EpisodePage, filter: Filter): string {
  const chips = OUTCOMES.map(([value, label]) => {
    const on = !filter.removed && filter.outcome === value;
    const n = page.counts[value === "" ? "all" : value] ?? 0;
    return `<button type="button" class="chip pickable ${on ? "acc" : ""}" aria-pressed="${on}" data-do="outcome" data-outcome="${value}">${label} ${n}</button>`;
  });
  const removed = `<button type="button" class="chip pickable ${filter.removed ? "acc" : ""}" aria-pressed="${filter.removed}" data-do="removed">${icon("bin")}removed</button>`;
  const robots = page.robots.map(
    (r) => `<option value="${safe(r.id)}"${r.id === filter.robot ? " selected" : ""}>${safe(r.name)}</option>`,
  );
  return `${chips.join("")}${removed}<label class="field robots">${icon("arm")}<span class="sr">Robot</span><select><option value="">every robot</option>${robots.join("")}</select></label><span class="sp muted s11">${count(page.total, "episode")}</span>`;
}

export function lines(items: readonly EpisodeRow[], total: number): string {
  const more =
    items.length < total
      ? `<div class="row more"><button type="button" class="btn" data-do="more">Show more</button><span class="muted">${items.length} of ${total}</span></div>`
      : "";
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th><span class="sr">Picture</span></th><th>Instruction</th><th>Ended</th><th class="band-col">Who drove</th><th>Robot</th><th>People</th><th aria-sort="descending">When ▾</th><th class="n">Length</th><th class="n">Size</th><th><span class="sr">Actions</span></th></tr></thead><tbody>${items.map(line).join("")}</tbody></table>${more}</section>`;
}

function line(episode: EpisodeRow): string {
  const v = verdict(episode);
  const poster = episode.poster
    ? `<img class="pic" src="${safe(episode.poster)}" alt="" loading="lazy">`
    : `<span class="no-pic">${icon(v.icon)}</span>`;
  const second = episode.problem || `Episode ${episode.number} · ${count(episode.cameras.length, "camera")}`;
  const people = episode.people.map((p) => p.name).join(", ");
  const act = episode.removed
    ? `<button type="button" class="btn" data-do="restore" data-id="${safe(episode.id)}">Restore</button>`
    : `<button type="button" class="btn quiet ico" data-do="remove" data-id="${safe(episode.id)}" aria-label="Remove episode ${episode.number}" title="Remove; can be undone">${icon("bin")}</button>`;
  return `<tr data-id="${safe(episode.id)}"><td><div class="cam th">${poster}</div></td>
  <td class="why"><a class="b ink" href="${safe(episode.url)}">${safe(instructionOf(episode))}</a><br><span class="s11 ${episode.problem ? "err" : "muted"}">${safe(second)}</span></td>
  <td class="nw"><span class="row ${v.look}">${icon(v.icon)}${safe(v.words)}</span></td><td class="hide-s band-col">${bandHtml(episode.band, episode.rows)}</td>
  <td class="hide-s nw">${safe(episode.robot.name)}</td><td class="hide-s">${people ? safe(people) : '<span class="muted">nobody</span>'}</td>
  <td class="hide-s nw t2">${when(episode.started_at)}</td><td class="n">${clock(episode.seconds)}</td><td class="hide-s n">${bytes(episode.size_bytes)}</td><td class="hide-s n">${act}</td></tr>`;
}

export function noneAtAll(): string {
  return `<div class="empty">${icon("film")}<b>No episode yet</b><p>Take a robot, press record, drive, and stop. What you did appears here within seconds.</p><a class="btn pri" href="/">Choose a robot</a></div>`;
}

export function noneMatches(filter: Filter): string {
  const words = filter.removed
    ? "Nothing is removed"
    : `No episode matches${filter.search ? ` “${safe(filter.search)}”` : " these filters"}`;
  return `<div class="empty">${icon("search")}<b>${words}</b><button type="button" class="btn" data-do="clear">Show all</button></div>`;
}

export function notLoaded(sentence: string): string {
  return `<div class="empty">${icon("warning")}<b>The list could not be loaded</b><p>${safe(sentence)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
}
