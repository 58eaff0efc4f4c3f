// Markup of the side panel, one function a section. Data in, text out; the page keeps what was pressed.
import type { EpisodeDetail, Finding, Outcome } from "../episodes/shapes";
import { instructionOf, verdict, when } from "../episodes/words";
import { icon } from "../icons";
import { bytes, clock, clockTenths, count, fixed, safe } from "../text";
import { clampsAt, clampWords, pilotAt, type Rows } from "./columns";
import { alike, findingIcon, findingTime, proposal, proposalWords, recorded } from "./findings";
import { laneName, unitWords } from "./lanes";
import type { MarkShown, Reviews } from "./shapes";
import { kbd } from "./stage";
import type { Draft } from "./store";

/** What the person said so far and the server does not know yet; `saving` names what is on its way. */
export interface Said {
  draft: { outcome: Outcome; failure: string; quality: number | null };
  saving: string;
}

export function titleHtml(e: EpisodeDetail): string {
  const edit = e.may_change
    ? `<button type="button" class="btn quiet ico" data-do="edit" aria-label="Edit the instruction" title="Edit the instruction (E)">${icon("pen")}</button>`
    : "";
  const banner = e.removed ? removedBanner() : "";
  return `${banner}<div class="row top" data-part="instruction"><h1 class="s15 grow">${safe(instructionOf(e))}</h1>${edit}</div>
  <p class="muted s11">Episode ${e.number} · ${safe(e.robot.name)} · ${when(e.started_at)} · ${e.record_hz} fps</p>`;
}

/** How it ended, kind of failure, quality, tags, comment. */
export function labelHtml(e: EpisodeDetail, said: Said): string {
  const shown = e.second_look ? said.draft : e;
  const why = e.may_change ? "" : ' disabled title="Reviewers and operators may label episodes."';
  const pick = (value: Outcome, label: string, key: string, mark: "check" | "cross"): string => {
    const on = shown.outcome === value;
    const look = said.saving === value ? "wait" : on ? `chosen ${value}` : "";
    return `<button type="button" class="btn grow ${look}" data-do="outcome" data-value="${value}" aria-pressed="${on}"${why}>${icon(mark, mark === "check" ? "ok" : "err")}${label}${kbd(key)}</button>`;
  };
  const marks = [1, 2, 3, 4, 5].map(
    (n) =>
      `<button type="button" data-do="quality" data-value="${n}" aria-pressed="${shown.quality === n}"${why}>${n}</button>`,
  );
  return `<h2>How did it end?<span class="sp">${e.second_look ? "second look" : e.reviewed ? "reviewed" : "not reviewed"}</span></h2><div class="row">${pick("success", "Success", "Y", "check")}${pick("failure", "Failure", "X", "cross")}</div>
  <div class="row line kind" data-part="kind">${shown.outcome === "failure" ? failureHtml(shown.failure, e.may_change) : ""}</div>
  <div class="row line"><span class="muted name">Quality</span><span class="seg pick5 grow" role="group" aria-label="Quality">${marks.join("")}</span></div>
  <div class="row wrap line tags" data-part="tags">${tagsHtml(e)}</div>
  ${commentHtml(e)}`;
}

function failureHtml(failure: string, may: boolean): string {
  const kind = failure ? `<span class="chip err">${safe(failure)}</span>` : '<span class="muted">kind not said</span>';
  const button = may
    ? `<button type="button" class="btn quiet small" data-do="kinds">${failure ? "Change" : "Choose"}${kbd("X")}</button>`
    : "";
  return `<span class="muted name">How</span><span class="grow">${kind}</span>${button}`;
}

export function tagsHtml(e: EpisodeDetail): string {
  const chips = e.tags.map((tag) =>
    e.may_change
      ? `<button type="button" class="chip tag" data-do="untag" data-value="${safe(tag)}" title="Take this tag away">${safe(tag)}${icon("cross")}</button>`
      : `<span class="chip">${safe(tag)}</span>`,
  );
  const add = e.may_change
    ? `<button type="button" class="btn quiet small" data-do="tag">${icon("plus")}Tag${kbd("T")}</button>`
    : "";
  return chips.join("") + add;
}

function commentHtml(e: EpisodeDetail): string {
  if (e.comment) {
    const edit = e.may_change
      ? `<button type="button" class="btn quiet ico small" data-do="comment" aria-label="Edit the comment" title="Edit the comment (C)">${icon("pen")}</button>`
      : "";
    return `<div class="row top line" data-part="comment"><p class="t2 grow words">${safe(e.comment)}</p>${edit}</div>`;
  }
  if (!e.may_change || e.second_look) return '<div data-part="comment"></div>';
  return `<div class="line" data-part="comment"><button type="button" class="btn quiet small" data-do="comment">${icon("plus")}Comment${kbd("C")}</button></div>`;
}

const FEW = 3; // findings of one kind that are listed one by one

function findingHtml(f: Finding, e: EpisodeDetail): string {
  const time = findingTime(f, e.rows, e.record_hz);
  return `<li><button type="button" class="check finding" data-do="seek" data-row="${f.first}">${icon(findingIcon(f), f.severity === "reject" ? "err" : "warn")}<span><b>${safe(f.code.replaceAll("_", " "))}</b> <span class="muted">${time}${f.camera ? ` ${safe(f.camera)}` : ""}</span><br><span class="s11 t2">${safe(f.sentence)}</span></span></button></li>`;
}

/** Many of one kind are one line, which opens. */
function manyHtml(group: readonly Finding[], e: EpisodeDetail): string {
  const [first, last] = [group[0] as Finding, group.at(-1) as Finding];
  const time = findingTime({ ...first, last: last.last }, e.rows, e.record_hz);
  const words = `<b>${safe(first.code.replaceAll("_", " "))}, ${group.length} times</b> <span class="muted">${time}${first.camera ? ` ${safe(first.camera)}` : ""}</span>`;
  return `<li><details class="many"><summary class="check" data-do="unfold">${icon(findingIcon(first), first.severity === "reject" ? "err" : "warn")}<span>${words}</span></summary><ul class="col">${group.map((f) => findingHtml(f, e)).join("")}</ul></details></li>`;
}

export function findingsHtml(e: EpisodeDetail): string {
  const idle = e.may_change ? proposal(e) : null;
  const told = e.findings.filter((f) => !(idle && f.code.startsWith("idle"))); // the proposed trim says the same
  const lines = alike(told).flatMap((group) =>
    group.length > FEW ? [manyHtml(group, e)] : group.map((f) => findingHtml(f, e)),
  );
  if (idle) {
    lines.push(
      `<li class="check">${icon("clock", "warn")}<span class="grow"><b>Idle</b> <span class="muted">${proposalWords(idle)}</span><br><span class="s11 t2">Trim proposed.</span></span><button type="button" class="btn small" data-do="propose">Accept${kbd("P")}</button></li>`,
    );
  }
  let n = lines.length;
  for (const { what, why, harmless } of recorded(e)) {
    if (!harmless) n += 1;
    const look = harmless ? icon("film", "muted") : icon("warning", "warn");
    lines.push(
      `<li class="check">${look}<span>${harmless ? what : `<b>${what}</b>`}<br><span class="muted s11">${safe(why)}</span></span></li>`,
    );
  }
  if (n === 0 || (e.rows_lost === 0 && e.findings.length === 0))
    lines.push(
      `<li class="check">${icon("check", "ok")}<span>Every check passed: ${count(e.rows, "row")}, as many frames of each camera</span></li>`,
    );
  return `<h2>Findings<span class="sp">${n === 0 ? "" : `${n} to look at`}</span></h2><ul class="col">${lines.join("")}</ul>`;
}

// -- the second reviewer

const KAPPA = "Agreement beyond chance (Cohen 1960): 1 is complete, 0 is what chance alone gives";

export function secondHtml(e: EpisodeDetail, reviews: Reviews | null, draft: Draft | null): string {
  const head = "<h2>Second reviewer</h2>";
  if (!reviews) return head;
  if (e.second_look) {
    const asker = safe(reviews.asked_by || "Somebody");
    const send = `<button type="button" class="btn pri wide" data-do="second"${draft ? "" : " disabled"}>${draft ? "Give your label" : "Say first how it ended"}${kbd("Enter")}</button>`;
    return `${head}<p class="t2">${asker} asks for a second look. The first label stays hidden until you gave yours.</p>${send}`;
  }
  const agree = agreementHtml(reviews);
  const given = reviews.reviews.length > 1 || reviews.reviews.some((r) => r.blind) ? labelsHtml(reviews) : "";
  return `${head}${given}${agree}${e.may_change ? askHtml(e) : ""}`;
}

function askHtml(e: EpisodeDetail): string {
  if (e.flagged)
    return `<p class="t2">Asked for. Whoever looks next does not see the label.</p><button type="button" class="btn" data-do="flag" aria-pressed="true">${icon("flag")}Take it back${kbd("F")}</button>`;
  if (e.outcome === "unlabelled")
    return `<button type="button" class="btn" disabled>${icon("flag")}Label it first, then ask</button>`;
  return `<button type="button" class="btn" data-do="flag" aria-pressed="false">${icon("flag")}Ask for a second look${kbd("F")}</button>`;
}

function labelsHtml(reviews: Reviews): string {
  const lines = reviews.reviews.map((r) => {
    const quality = r.quality === null ? "" : `, quality ${r.quality}`;
    const kind = r.failure ? `: ${safe(r.failure)}` : "";
    return `<dt>${r.me ? "You" : safe(r.person)}${r.blind ? ", blind" : ""}</dt><dd class="${r.outcome === "success" ? "ok" : "err"}">${r.outcome}${kind}${quality}</dd>`;
  });
  const differ = new Set(reviews.reviews.map((r) => r.outcome)).size > 1;
  const settle = differ
    ? `<p class="check warn s11">${icon("warning")}<span>These differ. ${kbd("Y")} or ${kbd("X")} settles it; what each said is kept.</span></p>`
    : "";
  return `<dl class="kv">${lines.join("")}</dl>${settle}`;
}

function agreementHtml(reviews: Reviews): string {
  const best = reviews.agreements[0];
  if (!best) return "";
  const kappa = best.kappa === null ? "" : ` <span class="muted" title="${KAPPA}">κ ${fixed(best.kappa)}</span>`;
  const more = reviews.agreements
    .slice(1)
    .map((a) => `${a.person}: ${a.agreed} of ${a.both}`)
    .join("; ");
  return `<p class="t2"${more ? ` title="${safe(more)}"` : ""}>You and ${safe(best.person)} agree in ${best.agreed} of ${best.both}.${kappa}</p>`;
}

// -- what does not change, what is at the playhead

/** What was asked, done and seen at one row. */
export function atHtml(e: EpisodeDetail, rows: Rows | null, row: number): string {
  const head = `<h2>At ${clockTenths(row / e.record_hz)}<span class="sp">asked / done</span></h2>`;
  if (!rows) return head;
  const clamped = clampsAt(rows.at(row, "clamps"), e.clamp_names).map(clampWords);
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
  return `${head}<dl class="kv">${lines.join("")}<dt>Pilot</dt><dd>${safe(pilotAt(e, row))}</dd><dt>Operator saw</dt><dd>${seen}</dd></dl><div class="clamped">${words}</div>`;
}

export function marksHtml(e: EpisodeDetail, marks: readonly MarkShown[], row: number): string {
  const lines = marks.map((m) => {
    const here = m.row === row ? ' aria-current="true"' : "";
    const away = e.may_change
      ? `<button type="button" class="btn quiet ico small" data-do="unmark" data-value="${m.id}" aria-label="Remove the mark ${safe(m.name)}">${icon("cross")}</button>`
      : "";
    return `<li class="row"${here}><button type="button" class="check finding grow" data-do="seek" data-row="${m.row}">${icon(m.width > 0 ? "box" : "place")}<span class="el"><b>${safe(m.name)}</b> <span class="muted">${safe(m.camera)}, ${clock(m.row / e.record_hz)}</span></span></button>${away}</li>`;
  });
  const add = e.may_change
    ? `<button type="button" class="btn quiet small" data-do="mark">${icon("plus")}Mark an object here${kbd("M")}</button>`
    : "";
  return `<h2>Marks<span class="sp">${marks.length || ""}</span></h2><ul class="col">${lines.join("")}</ul>${add}`;
}

/** Facts that do not change with time. */
export function factsHtml(e: EpisodeDetail): string {
  const people = e.people.map((p) => `<dt>Driven by ${safe(p.name)}</dt><dd>${p.frames} of ${e.rows}</dd>`).join("");
  const world = e.world.name
    ? `<dt>World</dt><dd>${safe(e.world.name)}${e.world.seed ? `, seed ${safe(e.world.seed)}` : ""}</dd>`
    : "";
  const scores = Object.entries(e.scores)
    .map(([name, value]) => `<dt>${safe(laneName(name))}</dt><dd>${fixed(value)}</dd>`)
    .join("");
  const away =
    e.may_remove && !e.removed
      ? `<button type="button" class="btn danger" data-do="remove">${icon("bin")}Remove${kbd("Del")}</button>`
      : "";
  return `<dl class="kv">${people}${scores}<dt>Cameras</dt><dd>${e.cameras.map(safe).join(", ")}</dd><dt>Size</dt><dd>${bytes(e.size_bytes)}</dd><dt>Body</dt><dd>${safe(e.embodiment)}</dd>${world}<dt>Program</dt><dd>${safe(e.program || "–")}</dd><dt>State</dt><dd>${safe(verdict(e).words)}</dd></dl>${away}`;
}

function removedBanner(): string {
  return `<div class="banner warn">${icon("bin")}<span class="grow"><b>Removed.</b> It is in no list and in no new dataset.</span><button type="button" class="btn" data-do="restore">Restore${kbd("U")}</button></div>`;
}
