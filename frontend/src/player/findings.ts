// What the check found, as marks on the time line and as words. Pure.
import type { EpisodeDetail, Finding } from "../episodes/shapes";
import type { IconName } from "../icons";
import { clock, count, safe } from "../text";
import type { Mark } from "./marks";
import { kept } from "./trim";

/** Shorter than the sentence: what stands on the time line. */
export function shortWords(finding: Finding): string {
  const words = finding.code.replaceAll("_", " ");
  return finding.camera ? `${words}, ${finding.camera}` : words;
}

export function findingIcon(finding: Finding): IconName {
  return /idle|jitter|lag|backwards|time/.test(finding.code) ? "clock" : "warning";
}

export function findingMarks(findings: readonly Finding[]): Mark[] {
  return findings.map((f) => ({
    row: f.first,
    icon: findingIcon(f),
    look: f.severity === "reject" ? "err" : "warn",
    words: shortWords(f),
    title: f.sentence,
  }));
}

/** Stretches of rows that findings are about, so that the eye sees how long each lasts. */
export function findingRanges(findings: readonly Finding[], rows: number): string {
  return findings
    .filter((f) => f.last > f.first)
    .map((f) => {
      const left = (100 * f.first) / rows;
      const width = (100 * (f.last - f.first + 1)) / rows;
      const look = f.severity === "reject" ? "err" : "warn";
      return `<i class="range ${look}" style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></i>`;
    })
    .join("");
}

/** Those of the same code, camera and severity together, in the order of their first rows. */
export function alike(findings: readonly Finding[]): Finding[][] {
  const groups = new Map<string, Finding[]>();
  for (const one of findings) {
    const key = `${one.severity} ${one.code} ${one.camera}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** "0:14–0:19", or "" for what holds for the whole episode. */
export function findingTime(finding: Finding, rows: number, hz: number): string {
  if (finding.first === 0 && finding.last >= rows - 1) return "";
  const [from, to] = [clock(finding.first / hz), clock(finding.last / hz)];
  return from === to ? from : `${from}–${to}`;
}

/** A proposed trim that was not taken yet, in seconds at the head and at the tail. */
export function proposal(episode: EpisodeDetail): { head_s: number; tail_s: number } | null {
  const trim = episode.proposed_trim;
  if (!trim) return null;
  const now = kept(episode);
  if (now.first === trim.first && now.last === trim.last) return null;
  return { head_s: trim.first / episode.record_hz, tail_s: (episode.rows - 1 - trim.last) / episode.record_hz };
}

export function proposalWords(found: { head_s: number; tail_s: number }): string {
  const parts = [];
  if (found.head_s >= 0.05) parts.push(`${found.head_s.toFixed(1)} s at the beginning`);
  if (found.tail_s >= 0.05) parts.push(`${found.tail_s.toFixed(1)} s at the end`);
  return parts.join(" and ");
}

export interface Recorded {
  what: string;
  why: string;
  /** Nothing to look at: it only says how it was recorded. */
  harmless: boolean;
}

/** Sentences of what the recorder itself already said. */
export function recorded(episode: EpisodeDetail): Recorded[] {
  const found: Recorded[] = [];
  const named = new Set(episode.findings.map((f) => f.code));
  if (episode.cut && !named.has("cut"))
    found.push({ what: "Cut", why: episode.cut_reason || "The end is missing.", harmless: false });
  const late = Object.entries(episode.frames_repeated).filter(([, n]) => n > 0);
  if (late.length > 0) {
    const what = `Repeated of ${count(episode.rows, "frame")}: ${late.map(([camera, n]) => `${safe(camera)} ${n}`).join(", ")}`;
    found.push({ what, why: "The camera was slower than the rows; each such row says so.", harmless: true });
  }
  if (episode.rows_lost > 0) {
    const what = `${count(episode.rows_lost, "row")} lost`;
    found.push({ what, why: "The recorder could not keep up.", harmless: false });
  }
  return found;
}
