// Markup of a dataset's draft: its episodes with what decided, and the rules beside them. Data in, text out.
import type { DatasetDetail, DraftRow } from "../datasets/shapes";
import type { Saved } from "../episodes/library_shapes";
import { bandHtml, instructionOf, verdict, when } from "../episodes/words";
import { icon } from "../icons";
import { clock, count, safe } from "../text";

export function draftFrame(d: DatasetDetail, takenOut: boolean, saved: readonly Saved[]): string {
  const tab = (on: boolean, value: string, text: string): string =>
    `<button type="button" data-do="taken-out" data-value="${value}" aria-pressed="${on}">${text}</button>`;
  return `<div class="two-cols"><section class="panel"><div class="ph"><h2>${takenOut ? "Taken out by hand" : "In the draft"}</h2><span class="muted s11">${takenOut ? "whatever the filter says" : "as it is now"}</span><span class="sp"></span><span class="seg" role="group" aria-label="Which">${tab(!takenOut, "", `in ${d.episodes}`)}${tab(takenOut, "yes", `taken out ${d.taken_out}`)}</span></div><div data-part="rows"></div></section>
  <aside class="col">${rules(d, saved)}${labels(d)}</aside></div>`;
}

function rules(d: DatasetDetail, saved: readonly Saved[]): string {
  const off = d.may_curate ? "" : " disabled";
  const options = saved
    .map(
      (one) =>
        `<option value="${safe(one.query)}"${one.query === d.query ? " selected" : ""}>${safe(one.name)}</option>`,
    )
    .join("");
  const weights = Object.entries(d.weights)
    .map(([tag, weight]) => `${tag} ${weight}`)
    .join(", ");
  return `<section class="panel"><div class="ph"><h2>What belongs to it</h2></div><form class="pb col rules" data-form="rules">
    <label class="row check"><input type="checkbox" name="follows"${d.follows ? " checked" : ""}${off}><span>Whatever matches this filter, new episodes too</span></label>
    <label class="field"><span class="sr">Filter</span><input name="query" value="${safe(d.query)}" placeholder="every checked episode" maxlength="2000" spellcheck="false" autocomplete="off"${off}></label>
    ${saved.length ? `<label class="field"><span class="sr">One of your saved filters</span><select name="saved"${off}><option value="">from your saved filters</option>${options}</select></label>` : ""}
    <a class="s11" href="/episodes/${d.query ? `?${safe(d.query)}` : ""}">Open this filter in the library</a>
    <p class="s11 muted">${count(d.added, "episode")} added and ${d.taken_out} taken out by hand.</p>
    <div class="row"><label class="col grow"><span class="s11 muted">For validation, %</span><span class="field"><input name="share" type="number" min="0" max="90" step="1" value="${Math.round(100 * d.validation_share)}"${off}></span></label><label class="col grow"><span class="s11 muted">Seed of the split</span><span class="field"><input name="seed" type="number" min="0" max="2147483647" value="${d.seed}"${off}></span></label></div>
    <label class="col"><span class="s11 muted">Weights by tag; the largest counts, 1 without</span><span class="field"><input name="weights" value="${safe(weights)}" placeholder="correction 3, slow 0.5" autocomplete="off"${off}></span></label>
    ${d.may_curate ? `<button class="btn">Keep these rules</button>` : '<p class="s11 muted">Reviewers and engineers change datasets.</p>'}</form></section>`;
}

function labels(d: DatasetDetail): string {
  const row = (word: string, n: number, look = ""): string => `<dt>${word}</dt><dd class="${look}">${n}</dd>`;
  return `<section class="panel"><div class="ph"><h2>Labels in the draft</h2></div><dl class="pb kv">${row("success", d.outcomes.success)}${row("failure", d.outcomes.failure)}${row("no label", d.outcomes.unlabelled, d.outcomes.unlabelled ? "warn" : "")}${row("not reviewed by a person", d.unreviewed, d.unreviewed ? "warn" : "")}</dl></section>`;
}

/** "correction 3, slow 0.5" as weights; null when a part cannot be read. */
export function readWeights(text: string): Record<string, number> | null {
  const made: Record<string, number> = {};
  for (const part of text.split(",").map((one) => one.trim())) {
    if (!part) continue;
    const found = /^(.+?)\s+([0-9]*\.?[0-9]+)$/.exec(part);
    if (!found?.[1] || !found[2]) return null;
    made[found[1]] = Number(found[2]);
  }
  return made;
}

export function draftRows(rows: readonly DraftRow[], more: boolean, takenOut: boolean, may: boolean): string {
  if (rows.length === 0)
    return takenOut
      ? `<div class="empty">${icon("check")}<b>Nothing is taken out</b></div>`
      : `<div class="empty">${icon("film")}<b>The draft is empty</b><p>Let it follow a filter, or select episodes in the library and press D.</p><a class="btn pri" href="/episodes/">Open the library</a></div>`;
  const lines = rows.map((one) => line(one, takenOut, may)).join("");
  const button = more
    ? '<div class="row more"><button type="button" class="btn" data-do="more">Show more</button></div>'
    : "";
  return `<table class="tbl"><thead><tr><th><span class="sr">Picture</span></th><th>Instruction</th><th>Ended</th><th class="band-col">Who drove</th><th class="hide-s">Robot</th><th class="hide-s">When</th><th class="n">Kept</th><th>Why</th><th><span class="sr">Actions</span></th></tr></thead><tbody>${lines}</tbody></table>${button}`;
}

function line(one: DraftRow, takenOut: boolean, may: boolean): string {
  const v = verdict(one);
  const picture = one.poster ? `<img class="pic" src="${safe(one.poster)}" alt="" loading="lazy">` : "";
  const why = { added: "picked by hand", removed: "taken out", "": "matches the filter" }[one.picked];
  const kept = (one.trim_last ?? one.rows - 1) - (one.trim_first ?? 0) + 1;
  const trimmed = kept < one.rows ? ` title="trimmed: ${kept} of ${one.rows} rows"` : "";
  const act = takenOut
    ? `<button type="button" class="btn" data-do="put-back" data-id="${safe(one.id)}">Put back</button>`
    : `<button type="button" class="btn quiet ico" data-do="take-out" data-id="${safe(one.id)}" data-picked="${one.picked}" aria-label="Take episode ${one.number} out" title="Take out; can be undone">${icon("cross")}</button>`;
  return `<tr><td><span class="cam th">${picture}</span></td><td class="why"><a class="b ink" href="${safe(one.url)}">${safe(instructionOf(one))}</a><br><span class="s11 muted">Episode ${one.number}</span></td><td class="nw"><span class="row ${v.look}">${icon(v.icon)}${safe(v.words)}</span></td><td class="band-col">${bandHtml(one.band, one.rows)}</td><td class="hide-s nw">${safe(one.robot.name)}</td><td class="hide-s nw t2">${when(one.started_at)}</td><td class="n ${trimmed ? "acc" : ""}"${trimmed}>${clock(kept / one.record_hz)}</td><td class="nw s11 ${one.picked === "added" ? "acc" : "muted"}">${why}</td><td class="n">${may ? act : ""}</td></tr>`;
}
