// Words and small markup for episodes: how they ended, who drove, what is wrong. Pure; shared by the list and the player.
import { type IconName, icon } from "../icons";
import { clock, count, safe } from "../text";
import type { EpisodeRow, Stretch } from "./shapes";

export interface Verdict {
  icon: IconName;
  look: "ok" | "err" | "warn" | "muted";
  words: string;
}

/** One mark and a few words: what a person should know of an episode first. */
export function verdict(episode: EpisodeRow): Verdict {
  if (episode.removed) return { icon: "bin", look: "muted", words: "removed" };
  if (episode.status === "rejected")
    return { icon: "warning", look: "err", words: episode.playable ? "rejected" : "rejected, not playable" };
  if (episode.status === "received") return { icon: "clock", look: "muted", words: "being checked" };
  if (episode.second_look) return { icon: "flag", look: "warn", words: "second look asked of you" };
  const found = Object.values(episode.found).reduce((sum, n) => sum + n, 0);
  const ended = outcomeWords(episode);
  return found > 0 ? { ...ended, words: `${count(found, "finding")}, ${ended.words}` } : ended;
}

function outcomeWords(episode: EpisodeRow): Verdict {
  const cut = episode.cut ? `, cut: ${episode.cut_reason || "the end is missing"}` : "";
  if (episode.outcome === "success") return { icon: "check", look: "ok", words: `success${cut}` };
  const kind = episode.failure ? `: ${episode.failure}` : "";
  if (episode.outcome === "failure") return { icon: "cross", look: "err", words: `failure${kind}${cut}` };
  return { icon: cut ? "warning" : "clock", look: cut ? "warn" : "muted", words: `no label${cut}` };
}

/** The sentence of an episode, or what stands in for it. */
export function instructionOf(episode: EpisodeRow): string {
  return episode.instruction || "No instruction";
}

const CLASSES: Record<string, string> = {
  operator: "b-op",
  policy: "b-po",
  primitive: "b-po",
  script: "b-sc",
  hold: "b-ho",
};

export function pilotClass(pilot: string): string {
  return CLASSES[pilot] ?? "b-ho";
}

/** A band of who drove; `labels` writes the names into stretches that are wide enough. Widths are exact fractions of the rows. */
export function bandHtml(band: readonly Stretch[], rows: number, labels = false): string {
  const spoken = band.map((s) => s.pilot).join(", ") || "not known yet";
  const parts = band.map((s) => {
    const width = (100 * (s.last - s.first + 1)) / Math.max(1, rows);
    const text = labels && width > 6 ? safe(s.pilot.charAt(0).toUpperCase() + s.pilot.slice(1)) : "";
    const extra = text && s.pilot === "hold" ? " lbl" : "";
    return `<i class="${pilotClass(s.pilot)}${extra}" style="width:${width.toFixed(3)}%" title="${safe(s.pilot)}">${text}</i>`;
  });
  return `<div class="band${labels ? "" : " thin"}" role="img" aria-label="pilot: ${safe(spoken)}">${parts.join("")}</div>`;
}

/** The page of an episode that goes on through the list of this filter. */
export function withFilter(url: string, filter: URLSearchParams): string {
  return filter.size > 0 ? `${url}?${filter}` : url;
}

/** A line of the narrow list beside the player. */
export function shortLine(episode: EpisodeRow, current: boolean, filter: URLSearchParams): string {
  const v = verdict(episode);
  const tone = v.look === "ok" ? "muted" : v.look;
  return `<a class="ep" href="${safe(withFilter(episode.url, filter))}"${current ? ' aria-current="true"' : ""} data-id="${safe(episode.id)}">${icon(v.icon, v.look)}<span class="el"><b>${episode.number}</b> ${safe(instructionOf(episode))}</span><span class="muted s11">${clock(episode.seconds)}</span><span class="s11 ${tone} under el">${safe(episode.robot.name)} · ${safe(v.words)}</span>${bandHtml(episode.band, episode.rows)}</a>`;
}

/** "today 10:42", "21 Nov 10:42": when, in the reader's own time zone. */
export function when(iso: string, now: Date = new Date()): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return `today ${time}`;
  const year = at.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year })} ${time}`;
}
