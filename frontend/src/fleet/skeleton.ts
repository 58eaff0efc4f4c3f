// Markup of the fleet page that is not a robot: frame, counts, banners, empty states. Text in, text out.
import type { FleetFeed } from "../fleet_feed";
import { icon } from "../icons";
import { safe, span } from "../text";
import type { Tile } from "./order";

export function frame(mayAdd: boolean): string {
  const add = mayAdd ? `<a class="btn hide-s" href="/robots/new/">${icon("plus")}Add robot</a>` : "";
  return `
  <div class="head"><h1>Fleet</h1>
    <span class="seg" role="group" aria-label="How to show the robots"><button type="button" data-do="cards" aria-pressed="true">${icon("grid")}Need first</button><button type="button" data-do="table" aria-pressed="false">${icon("list")}Table</button></span>
    <span class="sp"></span>
    <label class="field wide">${icon("search")}<span class="sr">Search robots</span><input data-part="search" type="search" placeholder="Name, state, person" autocomplete="off" spellcheck="false"><kbd>/</kbd></label>${add}
  </div>
  <div data-part="banner" role="status"></div>
  <section class="panel kpi" data-part="tiles" aria-label="Counts"></section>
  <div data-part="lists" hidden>
    <section class="cards" data-part="cards" aria-label="Robots, need first"></section>
    <section class="panel tblwrap" data-part="table"><div class="ph"><h2 data-part="count"></h2><span class="muted s11">sorted by need</span><span class="sp muted s11">pictures every second</span></div>
    <table class="tbl"><thead><tr><th><span class="sr">Picture</span></th><th>Robot</th><th>State</th><th aria-sort="descending">Doing, and why it waits ▾</th><th>Held by</th><th>Recording</th><th>Health</th><th class="n">Latency</th><th class="n">Watching</th></tr></thead><tbody data-part="lines"></tbody></table></section>
  </div>
  <div data-part="empty"></div>`;
}

export function tilesHtml(tiles: readonly Tile[]): string {
  return tiles
    .map((t) => `<div><div class="big ${t.warn ? "warn" : ""}">${t.figure}</div><div class="l">${t.words}</div></div>`)
    .join("");
}

/** The banner for a list that is not live: nothing while it is. */
export function standing(feed: Pick<FleetFeed, "state" | "code" | "known">, age_s: number): string {
  if (feed.state === "open" && feed.known) return "";
  if (feed.state === "refused") return refused(feed.code);
  if (!feed.known && feed.state !== "waiting") {
    return `<div class="banner quiet">${icon("clock")}<span>Asking the server for the robots.</span></div>`;
  }
  const old = feed.known ? ` What you see is ${span(age_s)} old.` : "";
  return `<div class="banner warn">${icon("link")}<span class="grow"><b>Server not reached.</b>${old} This page tries again by itself. Robots without their server hold still.</span><button type="button" class="btn" data-do="retry">Try now</button></div>`;
}

function refused(code: number): string {
  const signedOut = code === 4401;
  const words = signedOut
    ? "<b>You are signed out.</b> Nothing here is live any more."
    : "<b>You may no longer see this list.</b> An administrator can give you a role.";
  return `<div class="banner warn">${icon("lock")}<span class="grow">${words}</span><a class="btn" href="/sign-in/?next=/">Sign in</a></div>`;
}

export function noRobots(mayAdd: boolean): string {
  const next = mayAdd
    ? `<p>Add one, or start three simulated robots with <span class="mono">make demo</span> and try everything.</p><a class="btn pri" href="/robots/new/">${icon("plus")}Add robot</a>`
    : "<p>An administrator of your organisation can add one, or give you a role at its site.</p>";
  return `<div class="empty">${icon("arm")}<b>No robot yet</b>${next}</div>`;
}

export function noMatch(words: string): string {
  return `<div class="empty">${icon("search")}<b>No robot matches “${safe(words)}”</b><button type="button" class="btn" data-do="clear">Show all</button></div>`;
}
