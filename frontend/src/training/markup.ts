// The parts of a training's page: its head, the queue beside it, what is needed to repeat it, its log.
import { when } from "../episodes/words";
import { icon } from "../icons";
import { count, safe, span } from "../text";
import type { Line } from "./reported";
import type { TrainingDetail, TrainingRow } from "./shapes";
import { heard, left, logWords, percent, STATES, standing, thousands } from "./words";

export function stateChip(row: TrainingRow): string {
  const state = STATES[row.state];
  return `<span class="chip ${state.chip}">${icon(state.icon)}${state.word}</span>`;
}

export function head(row: TrainingDetail): string {
  const remaining = left(row);
  const step = `<b>${percent(row)} %</b> <span class="muted">step ${thousands(row.step)} of ${thousands(row.total)}</span>`;
  const time = remaining.strong
    ? `<span class="nw"><b>${remaining.strong}</b> <span class="muted">${remaining.basis}</span></span>`
    : "";
  const asked = `<span class="muted nw">asked for by ${safe(row.asked_by || "somebody")}, ${when(row.asked_at)}</span>`;
  const cancel = row.may_cancel
    ? `<button type="button" class="btn danger" data-do="cancel">Cancel training<kbd>X</kbd></button>`
    : "";
  const result = row.made
    ? `<a class="btn pri" href="${safe(row.made.url)}">${icon("policy")}Open ${safe(row.made.shown)}</a>`
    : "";
  const compare = row.compared.length
    ? `<a class="btn" href="/trainings/compare/?ids=${[row.id, ...row.compared.slice(0, 2).map((one) => one.id)].join(",")}">Compare</a>`
    : "";
  return `<div class="head"><h1>${safe(row.name)}</h1>${stateChip(row)}<span class="nw">${row.state === "queued" ? "" : step}</span>${time}${asked}<span class="sp"></span>${compare}${cancel}${result}</div>`;
}

/** Why it waits, why it failed and what to do, or that it goes on after a kill; nothing while all is well. */
export function notice(row: TrainingDetail): string {
  if (row.state === "failed")
    return `<div class="banner warn note">${icon("warning")}<span><b>${safe(row.problem)}</b> ${safe(row.next_action)} <code>${safe(row.problem_code)}</code></span></div>`;
  if (
    row.state === "queued" ||
    row.cancelled_by ||
    (row.state === "running" && row.heard_s === null) ||
    (row.state === "running" && !row.step && row.doing !== "Learning")
  )
    return `<div class="banner note">${icon("clock")}<span>${safe(standing(row))}</span></div>`;
  return "";
}

export function queue(rows: readonly TrainingRow[], current: string): string {
  const part = (title: string, list: readonly TrainingRow[], about = ""): string =>
    list.length
      ? `<div class="ph"><h2>${title}</h2><span class="sp muted s11">${about || list.length}</span></div>${list.map((row) => job(row, current)).join("")}`
      : "";
  const of = (...states: string[]): TrainingRow[] => rows.filter((row) => states.includes(row.state));
  const ended = of("done", "failed", "cancelled").slice(0, 12);
  return `<section class="panel queue">${part("Running", of("running"))}${part("Waiting", of("queued"))}${part("Ended", ended)}</section>`;
}

function job(row: TrainingRow, current: string): string {
  const mark =
    row.state === "running" || row.state === "queued" ? "" : icon(STATES[row.state].icon, STATES[row.state].chip);
  const side =
    row.state === "running"
      ? `${percent(row)} %`
      : row.state === "queued"
        ? `${row.place}.`
        : when(row.ended_at ?? row.asked_at);
  const about =
    row.state === "running"
      ? `${safe(row.dataset)} · ${count(row.episodes, "episode")}${row.base ? ` · from ${safe(row.base.shown)}` : ""}`
      : safe(standing(row));
  const bar =
    row.state === "running"
      ? `<span class="meter" role="progressbar" aria-valuenow="${percent(row)}" aria-valuemin="0" aria-valuemax="100" aria-label="${safe(row.name)}"><i style="width:${percent(row)}%"></i></span>`
      : "";
  return `<a class="job ${row.state}" href="${safe(row.url)}"${row.id === current ? ' aria-current="page"' : ""}><span class="row">${mark}<b class="grow">${safe(row.name)}</b><span class="s11 muted nw">${side}</span></span><span class="s11 ${row.state === "failed" ? "err" : "muted"}">${about}</span>${bar}</a>`;
}

function pairs(list: readonly (readonly [string, string])[]): string {
  return `<dl class="kv">${list.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("")}</dl>`;
}

export function learnsFrom(row: TrainingDetail): string {
  const base = row.base ? `<a href="${safe(row.base.url)}">${safe(row.base.shown)}</a>` : "nothing: begins anew";
  const rows = [
    ["Episodes", String(row.episodes)],
    ["Goes on from", base],
    ["Frozen", `<code title="sha256 ${safe(row.dataset_digest)}">${safe(row.dataset_digest.slice(0, 12))}</code>`],
  ] as const;
  return `<section class="panel"><div class="ph"><h2>Learns from</h2><a class="sp s11" href="${safe(row.dataset_url)}">${safe(row.dataset)}</a></div><div class="pb">${pairs(rows)}</div></section>`;
}

/** Everything that is needed to do it again. */
export function repeat(row: TrainingDetail): string {
  const learn = (row.config.learn ?? {}) as Record<string, unknown>;
  const model = (row.config.model ?? {}) as Record<string, unknown>;
  const rows = [
    ["Recipe", safe(row.recipe)],
    ["Head", row.base ? "the base's" : safe(String(model.head ?? ""))],
    ["Steps, batch", `${learn.steps}, ${learn.batch}`],
    ["Rate", safe(String(learn.rate ?? ""))],
    ["Ends early", learn.patience ? `after ${learn.patience} checks` : "no"],
    ["Seed", String(row.seed)],
    [
      "Code",
      `<code title="${safe(row.code_version)}">${safe(row.code_version.replace("learning-", "") || "not begun")}</code>`,
    ],
    ["Dataset", `<code title="${safe(row.dataset_digest)}">${safe(row.dataset_digest.slice(0, 12))}</code>`],
  ] as const;
  return `<section class="panel"><div class="ph"><h2>To repeat it</h2><button type="button" class="btn quiet sp" data-do="copy">${icon("copy")}Copy all</button></div><div class="pb">${pairs(rows)}</div></section>`;
}

export function machine(row: TrainingDetail): string {
  const told = row.state === "running" ? heard(row) : "";
  const late = (row.heard_s ?? 0) >= 5;
  const side = told
    ? `<span class="sp s11 nw ${late ? "warn" : "ok"}">${icon(late ? "warning" : "check")} ${told}</span>`
    : "";
  const took = row.began_at
    ? ((row.ended_at ? Date.parse(row.ended_at) : Date.now()) - Date.parse(row.began_at)) / 1000
    : null;
  const rows: [string, string][] = [
    ["Host", safe(String(row.machine.host ?? "not begun"))],
    ["Learns on", safe(String(row.machine.device_name ?? ""))],
    ["Processes", String(row.machine.processes ?? "")],
    ["PyTorch", safe(String(row.machine.torch ?? ""))],
    ["Took", took === null ? "" : span(took)],
    ["Went on after a kill", row.resumed ? `${row.resumed} ×` : "never"],
  ];
  return `<section class="panel"><div class="ph"><h2>Machine</h2>${side}</div><div class="pb">${pairs(rows.filter(([, value]) => value))}</div></section>`;
}

export function log(lines: readonly Line[]): string {
  const shown = lines
    .slice(-60)
    .reverse()
    .map((line) => `<div><b>${new Date(line.at * 1000).toTimeString().slice(0, 8)}</b> ${safe(logWords(line))}</div>`);
  return shown.length
    ? `<section class="panel"><div class="ph"><h2>Log</h2><span class="muted s11">newest first</span></div><div class="log" tabindex="0" aria-label="Log">${shown.join("")}</div></section>`
    : "";
}
