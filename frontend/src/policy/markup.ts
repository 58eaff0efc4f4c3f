// The parts of a policy's page: stages, figures with their intervals, what it knows, where it comes from, files, history.
import { when } from "../episodes/words";
import { type IconName, icon } from "../icons";
import { bytes, count, safe } from "../text";
import { type PolicyDetail, STAGES, type Step } from "./shapes";
import { figures, MEANS, patterns, type Rate, stageChip } from "./words";

const KINDS: Record<Step["kind"], IconName> = {
  dataset: "list",
  training: "plot",
  policy: "policy",
  base: "back",
  child: "right",
};

export function head(p: PolicyDetail): string {
  const from = p.dataset ? `learnt from ${safe(p.dataset)}` : p.base ? `from ${safe(p.base)}` : "brought in";
  const withdraw =
    p.may_change && !p.withdrawn_reason
      ? `<button type="button" class="btn danger" data-do="withdraw">Withdraw</button>`
      : "";
  const out = p.export_url ? `<a class="btn" href="${safe(p.export_url)}" download>${icon("download")}Export</a>` : "";
  return `<div class="head"><h1>${safe(p.shown)}</h1>${stageChip(p)}<span class="muted">${from}, ${when(p.made_at)}, by ${safe(p.made_by)}</span><span class="sp"></span><a class="btn" href="/tasks/new/?policy=${safe(p.id)}">Run it</a><a class="btn" href="/trainings/?new=1&amp;base=${safe(p.id)}">Train on from it</a>${out}${withdraw}</div>`;
}

export function warnings(p: PolicyDetail): string {
  return p.warnings
    .map((said) => `<div class="banner warn note">${icon("warning")}<span>${safe(said)}</span></div>`)
    .join("");
}

/** Five steps; those that are possible are buttons, and say what they mean. */
export function stages(p: PolicyDetail): string {
  const steps = STAGES.map((stage) => {
    const now = stage === p.stage;
    const body = `<span class="row"><b>${stage[0]?.toUpperCase()}${stage.slice(1)}${now ? ", now" : ""}</b></span><span class="s11 muted">${MEANS[stage]}</span>`;
    if (now) return `<div class="stage" aria-current="step">${body}</div>`;
    return p.may_change && p.next_stages.includes(stage)
      ? `<button type="button" class="stage" data-do="stage" data-stage="${stage}">${body}</button>`
      : `<div class="stage off">${body}</div>`;
  });
  return `<div class="panel stages" role="group" aria-label="Stage">${steps.join("")}</div>`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)}`;
}

function rateRow(rate: Rate): string {
  const k = Math.round(rate.share * rate.n);
  return `<tr><td>${safe(rate.name)}</td><td><div class="fo" role="img" aria-label="${percent(rate.share)} percent, ${percent(rate.low)} to ${percent(rate.high)}"><i style="left:${100 * rate.low}%;width:${Math.max(0.5, 100 * (rate.high - rate.low))}%"></i><b style="left:calc(${100 * rate.share}% - 1px)"></b></div></td><td class="n"><b>${rate.n ? `${k} of ${rate.n}` : ""}</b> <span class="muted">${percent(rate.share)} %</span></td><td class="n muted">${percent(rate.low)}–${percent(rate.high)}</td></tr>`;
}

export function measured(p: PolicyDetail): string {
  const found = figures(p.card.figures);
  const rates = found.rates.length
    ? `<section class="panel tblwrap"><div class="ph"><h2>Success</h2><span class="muted s11">as its card says, 95 % intervals</span></div><table class="tbl"><thead><tr><th>Skill</th><th>0 %<span style="float:right">100 %</span></th><th class="n">Successes</th><th class="n">Interval</th></tr></thead><tbody>${found.rates.map(rateRow).join("")}</tbody></table></section>`
    : `<section class="panel"><div class="ph"><h2>Success</h2></div><div class="pb t2">Nobody has measured it. Its card holds errors on what was set aside, which say little about success.</div></section>`;
  const errors = found.errors.map(([name, value]) => `<dt>${safe(name)}</dt><dd>${value}</dd>`).join("");
  const others = found.others.map(([name, value]) => `<dt>${safe(name)}</dt><dd>${safe(value)}</dd>`).join("");
  const rest =
    errors || others
      ? `<section class="panel"><div class="ph"><h2>Error on what was set aside</h2></div><div class="pb two-kv">${errors ? `<dl class="kv">${errors}</dl>` : ""}${others ? `<dl class="kv l">${others}</dl>` : ""}</div></section>`
      : "";
  return rates + rest;
}

export function knows(p: PolicyDetail): string {
  const chips = (list: readonly string[]): string =>
    list.map((one) => `<span class="chip">${safe(one)}</span>`).join(" ");
  const said = patterns(p.card.instructions, p.things);
  const edit = p.may_change
    ? `<button type="button" class="btn quiet sp" data-do="skills">${icon("pen")}Change skills</button>`
    : "";
  const sentences = said.length
    ? `<details><summary class="s11 muted">Shown in ${count(p.card.instructions.length, "sentence")}, ${count(said.length, "pattern")}</summary><ul class="said">${said.map((one) => `<li>${safe(one)}</li>`).join("")}</ul></details>`
    : "";
  return `<section class="panel"><div class="ph"><h2>What it knows</h2>${edit}</div><div class="pb"><dl class="kv l"><dt>Skills</dt><dd data-part="skills">${chips(p.skills) || "none is named"}</dd><dt>Objects</dt><dd>${chips(p.things) || "none is named"}</dd><dt>Robots</dt><dd>${chips(p.robots) || "not said"}</dd></dl>${sentences}</div></section>`;
}

export function lineage(p: PolicyDetail): string {
  const steps = p.lineage.map((step) => {
    const body = `${icon(KINDS[step.kind])}<span><b>${safe(step.title)}</b><br><span class="s11 muted">${safe(step.about)}</span></span><span class="s11 muted nw">${step.at ? when(step.at) : ""}</span>`;
    const here = step.kind === "policy" ? ' class="me"' : "";
    return step.url ? `<a href="${safe(step.url)}"${here}>${body}</a>` : `<div${here}>${body}</div>`;
  });
  return `<section class="panel clip"><div class="ph"><h2>Where it comes from</h2></div><div class="lin">${steps.join("")}</div></section>`;
}

function pairs(list: readonly (readonly [string, string])[]): string {
  return `<dl class="kv">${list.map(([name, value]) => `<dt>${safe(name)}</dt><dd>${value}</dd>`).join("")}</dl>`;
}

export function doubt(p: PolicyDetail): string {
  const { sha256, ...said } = p.calibration;
  const rows = Object.entries(said).map(([name, value]) => [name.replaceAll("_", " "), safe(String(value))] as const);
  const chip = p.calibrated
    ? `<span class="chip ok">${icon("check")}calibrated</span>`
    : `<span class="chip">not calibrated</span>`;
  const body = p.calibrated
    ? pairs([...rows, ["File", `<code title="${safe(String(sha256))}">${safe(String(sha256).slice(0, 12))}</code>`]])
    : '<span class="t2">It cannot tell what it has never seen: nobody may rely on it to ask.</span>';
  return `<section class="panel"><div class="ph"><h2>Doubt</h2><span class="sp">${chip}</span></div><div class="pb">${body}</div></section>`;
}

export function files(p: PolicyDetail): string {
  const rows = p.files.map(
    (file) =>
      `<tr><td>${safe(file.name)}</td><td class="n">${file.bytes ? bytes(file.bytes) : '<span class="err">gone</span>'}</td><td class="n"><code title="sha256 ${safe(file.sha256)}">${safe(file.sha256.slice(0, 12))}</code></td></tr>`,
  );
  return `<section class="panel clip"><div class="ph"><h2>Files</h2><span class="sp muted s11">sha256, checked when loaded</span></div><table class="tbl"><tbody>${rows.join("")}</tbody></table></section>`;
}

export function made(p: PolicyDetail): string {
  const { model } = p;
  const slots = Object.entries((model.slots ?? {}) as Record<string, [number, number]>).map(
    ([n, [w, h]]) => `${n} ${w}×${h}`,
  );
  const rows: [string, string][] = [
    ["Head", safe(String(model.head ?? p.card.kind))],
    ["Weights", `${(p.parameters / 1e6).toFixed(2)} M`],
    ["Chunk", model.chunk ? `${model.chunk} actions, ${model.step_s} s apart` : ""],
    ["Pictures", safe(slots.join(", "))],
    ["Learnt for", p.card.training.cpu_s ? `${Math.round(Number(p.card.training.cpu_s) / 6) / 10} CPU min` : ""],
    ["Steps", safe(String(p.card.training.steps ?? ""))],
    ["Licence", safe(p.card.licence || "not said")],
  ];
  const limits = p.card.limits.map((limit) => `<li>${safe(limit)}</li>`).join("");
  return `<section class="panel"><div class="ph"><h2>Card</h2></div><div class="pb">${pairs(rows.filter(([, value]) => value))}</div></section>${limits ? `<section class="panel"><div class="ph"><h2>Limits</h2></div><ul class="pb limits">${limits}</ul></section>` : ""}`;
}

export function history(p: PolicyDetail): string {
  const rows = p.history.map(
    (act) =>
      `<tr><td class="nw muted">${when(act.at)}</td><td>${safe(act.what)}</td><td class="n muted">${safe(act.who)}</td></tr>`,
  );
  return rows.length
    ? `<section class="panel clip"><div class="ph"><h2>History</h2></div><table class="tbl"><tbody>${rows.join("")}</tbody></table></section>`
    : "";
}
