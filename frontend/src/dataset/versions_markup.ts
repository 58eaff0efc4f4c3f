// Markup of frozen versions: the list, where one comes from and went, work on them, and what changed between two. Data in, text out.
import type { ChangedList, Changes, DatasetDetail, Job, Lineage, VersionRow } from "../datasets/shapes";
import { hours } from "../episodes/facets";
import { when } from "../episodes/words";
import { icon } from "../icons";
import { bytes, count, safe } from "../text";

export function versionsFrame(d: DatasetDetail, chosen: number): string {
  if (d.history.length === 0)
    return `<div class="empty">${icon("lock")}<b>No version is frozen yet</b><p>Freezing keeps the draft as it is now, for ever: files by their hashes, trims, labels, weights and splits. The draft goes on.</p></div>`;
  return `<div class="two-cols"><section class="panel tblwrap"><table class="tbl"><thead><tr><th>Version</th><th>Why</th><th>From</th><th>Hash</th><th class="n">Episodes</th><th class="n">Time</th><th>Frozen</th></tr></thead><tbody>${d.history.map((v) => versionLine(v, chosen)).join("")}</tbody></table></section><aside class="col" data-part="lineage"></aside></div>`;
}

function versionLine(v: VersionRow, chosen: number): string {
  const state = v.state === "withdrawn" ? `<span class="chip err">${icon("warning")}withdrawn</span>` : "";
  const why = v.state === "withdrawn" ? v.withdrawn_reason : v.reason;
  return `<tr aria-selected="${v.number === chosen}" data-do="version" data-number="${v.number}"><td class="nw"><button type="button" class="plain b" data-do="version" data-number="${v.number}">Version ${v.number}</button> ${state}</td><td class="why">${safe(why) || '<span class="muted">no reason written</span>'}</td><td>${v.parent ?? '<span class="muted">first</span>'}</td><td><code title="sha256 ${v.digest}">${v.digest.slice(0, 10)}</code></td><td class="n">${v.episodes}</td><td class="n">${hours(v.seconds)}</td><td class="nw">${when(v.frozen_at)}<br><span class="s11 muted">${safe(v.frozen_by)}</span></td></tr>`;
}

export function lineage(l: Lineage, d: DatasetDetail): string {
  const v = l.version;
  const counted = (title: string, rows: { name: string; episodes: number }[]): string =>
    rows.length
      ? `<dt>${title}</dt><dd>${rows.map((one) => `${safe(one.name)} <span class="muted">${one.episodes}</span>`).join(", ")}</dd>`
      : "";
  const split = Object.entries(l.splits)
    .map(([name, n]) => `${name} ${n}`)
    .join(", ");
  const missing = l.missing
    ? `<p class="row s11 warn">${icon("warning")}${count(l.missing, "episode")} of it no longer exist.</p>`
    : "";
  const children = l.children.map((one) => `version ${one.number}`).join(", ") || "nothing yet";
  const acts =
    d.may_curate && v.state === "frozen"
      ? `<div class="row wrap"><button type="button" class="btn pri" data-do="job" data-kind="export" data-number="${v.number}">${icon("download")}Export for LeRobot</button><a class="btn" href="/trainings/?new=1&amp;dataset=${safe(v.dataset)}&amp;version=${v.number}">${icon("plot")}Train on it</a><button type="button" class="btn" data-do="job" data-kind="verify" data-number="${v.number}">${icon("shield")}Read every byte again</button></div>`
      : "";
  const jobs = d.jobs.filter((one) => one.number === v.number);
  return `<section class="panel"><div class="ph"><h2>Version ${v.number}</h2><span class="sp"></span><button type="button" class="btn quiet ico" data-do="copy" data-value="${v.digest}" aria-label="Copy the hash" title="Copy sha256">${icon("copy")}</button></div><div class="pb col"><code class="digest">${v.digest}</code><dl class="kv l"><dt>made from</dt><dd>${v.parent ? `version ${v.parent}` : "the draft alone"}</dd>${counted("robots", l.robots)}${counted("people", l.people)}<dt>split</dt><dd>${split}</dd><dt>filter</dt><dd>${v.query ? `<code>${safe(v.query)}</code>` : "none"}</dd><dt>became</dt><dd>${children}</dd><dt>trained</dt><dd>${l.policies.map(safe).join(", ") || "nothing yet"}</dd></dl>${missing}${acts}<a class="s11" href="/episodes/?dataset=${v.dataset}%3A${v.number}">Its episodes in the library</a></div></section>
  <section class="panel" data-part="jobs">${jobList(jobs, d.may_curate)}</section>`;
}

export function jobList(jobs: readonly Job[], may: boolean): string {
  if (jobs.length === 0) return "";
  return `<div class="ph"><h2>Exports and proofs</h2></div>${jobs.map((one) => jobLine(one, may)).join("")}`;
}

const WORDS: Record<Job["kind"], string> = { export: "LeRobot export", verify: "Proof of every byte" };

function jobLine(job: Job, may: boolean): string {
  const live = job.state === "queued" || job.state === "running";
  const share = job.total ? Math.round((100 * job.done) / job.total) : 0;
  const bar = live
    ? `<span class="meter" role="progressbar" aria-valuenow="${share}" aria-valuemin="0" aria-valuemax="100" aria-label="${safe(job.step || "waiting")}"><i style="width:${share}%"></i></span>`
    : "";
  const stop =
    live && may
      ? `<button type="button" class="btn quiet" data-do="cancel" data-id="${safe(job.id)}"${job.cancelled_by ? " disabled" : ""}>${job.cancelled_by ? "Ending" : "Cancel"}</button>`
      : "";
  const load = job.url
    ? `<a class="btn pri" href="${safe(job.url)}" download>${icon("download")}${bytes(job.result.bytes ?? 0)}</a>`
    : "";
  return `<div class="job"><div class="row"><b>${WORDS[job.kind]}</b><span class="sp"></span>${stop}${load}</div><div class="row s11 ${look(job)}">${said(job, share)}</div>${bar}</div>`;
}

function look(job: Job): string {
  if (job.state === "failed" || (job.result.damaged_files ?? 0) > 0) return "err";
  return job.state === "done" ? "ok" : "muted";
}

function said(job: Job, share: number): string {
  const by = job.asked_by ? `, asked by ${safe(job.asked_by)}` : "";
  if (job.state === "queued") return `${icon("clock")}waits for a worker${by}`;
  if (job.state === "running") return `${icon("clock")}${safe(job.step || "begins")}, ${share} %${by}`;
  if (job.state === "failed") return `${icon("warning")}${safe(job.problem)}`;
  if (job.state === "cancelled") return `cancelled${job.cancelled_by ? ` by ${safe(job.cancelled_by)}` : ""}`;
  if (job.state === "expired") return "the archive was let go; export again";
  const damaged = job.result.damaged_files ?? 0;
  if (damaged)
    return `${icon("warning")}${count(damaged, "damaged file")}: ${safe(job.result.damages?.[0]?.sentence ?? "")}`;
  if (job.kind === "verify") return `${icon("check")}every stored byte is what was frozen, ${when(job.ended_at ?? "")}`;
  return `${icon("check")}ready${job.expires_at ? ` until ${when(job.expires_at)}` : ""}`;
}

// -- what changed ----------------------------------------------------------------------------------

export function changesFrame(d: DatasetDetail, before: string, after: string): string {
  if (d.history.length === 0)
    return `<div class="empty">${icon("copy")}<b>Nothing to compare yet</b><p>Freeze a version first; then what changed since shows here.</p></div>`;
  const options = (now: string, draft: boolean): string =>
    [...(draft ? [["draft", "the draft now"]] : []), ...d.history.map((v) => [String(v.number), `version ${v.number}`])]
      .map(([value = "", text = ""]) => `<option value="${value}"${value === now ? " selected" : ""}>${text}</option>`)
      .join("");
  return `<div class="row wrap strip"><span class="muted">From</span><span class="field"><select data-field="before" aria-label="From">${options(before, false)}</select></span><span class="muted">to</span><span class="field"><select data-field="after" aria-label="To">${options(after, true)}</select></span></div><div data-part="changes"></div>`;
}

export function changes(c: Changes): string {
  const more = c.rows_after - c.rows_before;
  const head = `<section class="panel kpi">${[
    [c.added.total, "added", "ok"],
    [c.removed.total, "removed", "err"],
    [c.relabelled.total, "labelled anew", "acc"],
    [c.retrimmed.total, "trimmed anew", "acc"],
    [c.reweighted.total, "other weight or split", "acc"],
  ]
    .map(
      ([n, word, tone]) => `<div><div class="hero ${n ? tone : "muted"}">${n}</div><div class="l">${word}</div></div>`,
    )
    .join(
      "",
    )}<div><div class="hero">${more > 0 ? "+" : more < 0 ? "−" : "±"}${Math.abs(more)}</div><div class="l">rows, ${c.rows_before} to ${c.rows_after}</div></div></section>`;
  if (c.same)
    return `${head}<div class="empty">${icon("check")}<b>The same content</b><p>Both have the same hash.</p></div>`;
  const lists: [string, ChangedList][] = [
    ["Other files under the same id", c.replaced],
    ["Added", c.added],
    ["Removed", c.removed],
    ["Labelled anew", c.relabelled],
    ["Trimmed anew", c.retrimmed],
    ["Other weight or split", c.reweighted],
  ];
  return head + lists.map(([title, list]) => changedList(title, list)).join("");
}

function changedList(title: string, list: ChangedList): string {
  if (list.total === 0) return "";
  const lines = list.items.map((one) => {
    const name = one.url
      ? `<a class="b ink" href="${safe(one.url)}">${safe(one.instruction || "No instruction")}</a> <span class="s11 muted">Episode ${one.number}</span>`
      : `<code>${safe(one.id)}</code> <span class="s11 muted">no longer here</span>`;
    const fields = Object.entries(one.fields)
      .map(([field, [was = "", now = ""]]) => `${safe(field)}: <s class="muted">${safe(was)}</s> <b>${safe(now)}</b>`)
      .join(" · ");
    return `<tr><td class="why">${name}</td><td>${fields}</td></tr>`;
  });
  const rest =
    list.total > list.items.length ? `first ${list.items.length} of ${list.total}` : count(list.total, "episode");
  return `<section class="panel tblwrap gap"><div class="ph"><h2>${title}</h2><span class="muted s11">${rest}</span></div><table class="tbl"><tbody>${lines.join("")}</tbody></table></section>`;
}
