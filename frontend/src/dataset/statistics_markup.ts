// Drawings of a dataset's statistics: bars of distributions, the map of where the gripper went. Data in, text out.
import { hours } from "../episodes/facets";
import { icon } from "../icons";
import { clock, count, fixed, safe } from "../text";
import type { CameraNumbers, Coverage, Distribution, Statistics } from "./statistics_shapes";

/** A histogram as one drawing; the tallest bar fills the height. */
export function histogram(counts: readonly number[], label: string, look = "var(--d1)"): string {
  const most = Math.max(1, ...counts);
  const bars = counts
    .map((n, i) => {
      const height = n === 0 ? 0 : Math.max(1, (36 * n) / most);
      return `<rect x="${i * 4}" y="${(36 - height).toFixed(1)}" width="3" height="${height.toFixed(1)}"/>`;
    })
    .join("");
  return `<svg class="hist" viewBox="0 0 ${counts.length * 4} 37" preserveAspectRatio="none" role="img" aria-label="${safe(label)}" style="fill:${look}"><line x1="0" x2="${counts.length * 4}" y1="36.5" y2="36.5"/>${bars}</svg>`;
}

function unit(d: Distribution): string {
  return d.unit && d.unit !== "1" ? ` ${d.unit}` : "";
}

function joint(d: Distribution, look: string): string {
  const words = `${d.name}: mean ${fixed(d.mean)}${unit(d)}, standard deviation ${fixed(d.sd)}`;
  return `<div class="dist"><div class="row s11"><b class="el">${safe(d.name)}</b><span class="sp muted">${fixed(d.mean)} ± ${fixed(d.sd)}${safe(unit(d))}</span></div>${histogram(d.counts, words, look)}<div class="row s11 muted"><span>${fixed(d.low)}</span><span class="sp">reached ${fixed(d.min)} to ${fixed(d.max)}</span><span class="sp">${fixed(d.high)}</span></div></div>`;
}

function camera(c: CameraNumbers): string {
  return `<div class="dist"><div class="row s11"><b>${safe(c.name)}</b><span class="sp muted">${count(c.episodes, "episode")}</span></div><div class="pair"><div>${histogram(c.brightness, `${c.name}: brightness`, "var(--d4)")}<span class="s11 muted">brightness, mean ${fixed(c.mean_brightness, 0)} of 255</span></div><div>${histogram(c.contrast, `${c.name}: contrast`, "var(--d2)")}<span class="s11 muted">contrast, mean ${fixed(c.mean_contrast, 0)} of 128</span></div></div></div>`;
}

/** Seen from above: darker cells were passed by more episodes; rings are where a gripper closed. */
export function coverage(c: Coverage | null): string {
  if (!c) return '<p class="muted pad">This kind of robot does not say where its hand is.</p>';
  const [columns, rows] = [c.cells[0]?.length ?? 1, c.cells.length];
  const most = Math.max(1, ...c.cells.flat());
  const squares = c.cells
    .flatMap((line, y) =>
      line.map((n, x) =>
        n
          ? `<rect x="${x}" y="${rows - 1 - y}" width="1.02" height="1.02" opacity="${(0.14 + 0.86 * Math.sqrt(n / most)).toFixed(2)}"/>`
          : "",
      ),
    )
    .join("");
  const rings = c.closings
    .slice(0, 600)
    .map(([x, y]) => {
      const [px, py] = [(x - c.low[0]) / c.cell_m, rows - (y - c.low[1]) / c.cell_m];
      return `<circle cx="${px.toFixed(2)}" cy="${py.toFixed(2)}" r="0.5"/>`;
    })
    .join("");
  const size = (axis: 0 | 1): string => fixed(c.high[axis] - c.low[axis]);
  return `<svg class="cover-map" viewBox="0 0 ${columns} ${rows}" role="img" aria-label="Where the gripper went, seen from above">${squares}${rings}</svg><div class="row s11 muted"><span>x ${fixed(c.low[0])} to ${fixed(c.high[0])} m</span><span class="sp">y ${fixed(c.low[1])} to ${fixed(c.high[1])} m</span></div><p class="s11 muted">${size(0)} × ${size(1)} m, cells of ${fixed(1000 * c.cell_m, 0)} mm; ${Math.round(100 * c.reached)} % of it was passed by at least one of ${c.episodes}. Rings: where a gripper closed.</p>`;
}

function tasks(s: Statistics): string {
  const most = Math.max(1, ...s.tasks.map((task) => task.episodes));
  return s.tasks
    .map(
      (task) =>
        `<tr><td class="why">${safe(task.name || "No instruction")}</td><td class="share"><span class="meter"><i style="width:${((100 * task.episodes) / most).toFixed(1)}%"></i></span></td><td class="n">${task.episodes}</td><td class="n">${hours(task.seconds)}</td></tr>`,
    )
    .join("");
}

function duplicates(s: Statistics): string {
  const flagged = s.flagged_duplicates
    ? `<p class="row s11 warn">${icon("warning")}${count(s.flagged_duplicates, "episode")} marked as nearly the same by the check.</p>`
    : "";
  if (s.near_duplicates.length === 0)
    return `${flagged}<p class="row s11 ok">${icon("check")}No two show nearly the same motion and pictures.</p>`;
  const lines = s.near_duplicates
    .slice(0, 12)
    .map(
      (pair) =>
        `<tr><td><a href="${safe(pair.first.url)}">Episode ${pair.first.number}</a></td><td><a href="${safe(pair.second.url)}">Episode ${pair.second.number}</a></td><td class="n">${fixed(100 * pair.apart, 2)} %</td></tr>`,
    )
    .join("");
  return `${flagged}<table class="tbl"><thead><tr><th>This</th><th>and this</th><th class="n">paths apart, of the reach</th></tr></thead><tbody>${lines}</tbody></table>`;
}

export function statistics(s: Statistics): string {
  const cell = (big: string, small: string): string =>
    `<div><div class="hero">${big}</div><div class="l">${small}</div></div>`;
  const judged = (s.outcomes.success ?? 0) + (s.outcomes.failure ?? 0);
  const train = s.splits.train ?? 0;
  const from = s.sampled < s.episodes ? `from a sample of ${s.sampled} of ${s.episodes}` : `from all ${s.episodes}`;
  const panel = (title: string, note: string, inside: string, more = ""): string =>
    `<section class="panel ${more}"><div class="ph"><h2>${title}</h2><span class="muted s11">${note}</span></div><div class="pb">${inside}</div></section>`;
  return `<section class="panel kpi">${cell(String(s.episodes), "episodes")}${cell(hours(s.seconds), `${s.rows.toLocaleString("en-GB").replaceAll(",", " ")} rows`)}${cell(String(s.tasks.length), s.tasks.length === 1 ? "instruction" : "instructions")}${cell(judged ? `${Math.round((100 * (s.outcomes.success ?? 0)) / judged)} %` : "–", `success of ${judged} labelled`)}${cell(`${train} / ${s.episodes - train}`, "train / validation")}${cell(clock(s.lengths.most), "longest")}</section>
  <div class="stats">${panel("Where the gripper went", `seen from above, ${from}`, coverage(s.coverage), "tall")}
  ${panel("Instructions", "episodes and time", `<div class="scroll"><table class="tbl tight"><tbody>${tasks(s)}</tbody></table></div>`, "tall")}
  ${panel("Lengths", `up to ${clock(s.lengths.most)}`, histogram(s.lengths.counts, "Lengths of episodes", "var(--d3)"))}
  ${panel("Near-duplicates", from, duplicates(s))}
  ${panel("Cameras", from, `<div class="dists two">${s.cameras.map(camera).join("")}</div>`, "wide")}
  ${panel("State", `${s.embodiment}, ${from}, bins from limit to limit`, `<div class="dists">${s.state.map((d) => joint(d, "var(--d1)")).join("")}</div>`, "wide")}
  ${panel("Asked", `${from}`, `<div class="dists">${s.action.map((d) => joint(d, "var(--d5)")).join("")}</div>`, "wide")}</div>`;
}
