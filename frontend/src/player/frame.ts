// Markup around the player: its three columns, the foot, the sheet of keys, what stands in the centre when nothing plays.
import type { EpisodeDetail } from "../episodes/shapes";
import { icon } from "../icons";
import { safe } from "../text";
import { kbd } from "./stage";

export const SECTIONS = ["about", "label", "findings", "datasets", "second", "row", "marks", "facts"] as const;
export type Section = (typeof SECTIONS)[number];

const FOOT = [
  ["Space", "play"],
  ["← →", "1 frame"],
  ["Shift", "10"],
  ["Ctrl", "5"],
  ["↑ ↓", "episode"],
  ["I O", "trim"],
  ["Y X", "success, failure"],
  ["1 – 5", "quality"],
  ["T", "tag"],
  ["A", "to the dataset"],
  ["J", "next takeover"],
  ["Del", "remove"],
] as const;

export function frame(): string {
  const sections = SECTIONS.map((name) => `<section data-part="${name}" hidden></section>`).join("");
  const foot = FOOT.map(([keys, words]) => `<span>${keysOf(keys)}${words}</span>`).join("");
  return `<div class="pl"><nav class="lst" aria-label="Episodes" data-part="list"></nav><section class="ctr" data-part="centre" aria-label="Player"></section><aside class="side" data-part="side" aria-label="About this episode"><div class="reviewing" data-part="reviewing" hidden></div>${sections}</aside></div>
  <footer class="foot">${foot}<button type="button" class="btn quiet sp keys-button" data-do="keys">${kbd("?")} all keys</button></footer>
  <dialog class="panel keys" data-part="keys" aria-label="Keys"></dialog>`;
}

function keysOf(keys: string): string {
  return keys
    .split(" ")
    .map((key) => (key === "–" ? "–" : kbd(key)))
    .join("");
}

const SHEET: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Move",
    [
      ["Space", "play, pause"],
      ["← →", "one frame back, on"],
      ["Shift ← →", "ten frames"],
      ["Ctrl ← →", "five frames"],
      ["Home End", "first, last frame"],
      ["J", "to the next takeover"],
      ["L", "loop what is kept"],
      ["− +", "slower, faster"],
      ["↑ ↓", "episode above, below"],
    ],
  ],
  [
    "Label",
    [
      ["Y X", "success, failure; again takes it back"],
      ["1 – 5", "quality; again takes it back"],
      ["T", "tag"],
      ["C", "comment"],
      ["E", "edit the instruction"],
      ["I O", "keep from here, keep until here"],
      ["P", "take the proposed trim"],
      ["M", "mark an object in the picture"],
      ["F", "ask for a second look"],
      ["A", "add to the draft, or take out"],
      ["Del", "remove"],
      ["U Ctrl+Z", "undo"],
      ["Ctrl+Shift+Z", "do again"],
    ],
  ],
  [
    "Work through",
    [
      ["R", "review one after the other, or stop that"],
      ["Enter", "keep the label, go on to the next"],
      ["Shift+Enter", "leave this one, go on"],
      ["`", "remote stop of every robot, outside text fields"],
      ["Esc", "close what is open"],
    ],
  ],
];

export function keySheet(): string {
  const groups = SHEET.map(([title, rows]) => {
    const lines = rows.map(([keys, words]) => `<dt>${keysOf(keys)}</dt><dd>${words}</dd>`);
    return `<div><h3>${title}</h3><dl class="kv l">${lines.join("")}</dl></div>`;
  });
  return `<div class="ph"><h2>Keys</h2><form method="dialog" class="sp"><button class="btn quiet ico" aria-label="Close">${icon("cross")}</button></form></div><div class="pb groups">${groups.join("")}</div>`;
}

/** What stands above the side panel while somebody works through episodes. */
export function reviewingHtml(left: number | null, said: boolean): string {
  const words = left === null ? "" : left === 0 ? "the last one" : `${left} more`;
  return `<span class="chip acc">${icon("list")}Reviewing</span><span class="muted grow">${words}</span><button type="button" class="btn small ${said ? "pri" : ""}" data-do="next">Next${kbd("Enter")}</button><button type="button" class="btn quiet ico small" data-do="reviewing" aria-label="Stop reviewing one after the other" title="Stop reviewing (R)">${icon("cross")}</button>`;
}

export function notPlayable(e: EpisodeDetail): string {
  if (e.status === "received") {
    return `<div class="empty">${icon("clock")}<b>Being checked</b><p>The robot has handed over everything. Rows and frames are compared and looked through now, ${e.check_progress} % so far; it plays here when that is done.</p></div>`;
  }
  return `<div class="empty">${icon("warning")}<b>Not playable</b><p>${safe(e.problem || "The check failed.")}</p><p class="muted">Nothing was thrown away. Record again, or ask an administrator to look at the files.</p></div>`;
}

export function missing(sentence: string): string {
  return `<div class="empty">${icon("film")}<b>This episode cannot be shown</b><p>${safe(sentence)}</p><a class="btn pri" href="/episodes/">All episodes</a></div>`;
}
