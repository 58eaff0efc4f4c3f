// The campaign's panel: which one, the prompt and how far it is, how to put the scene back, Start; and the countdown over the picture.
import { safe } from "../../text";
import { inControl } from "../authority";
import { keyFor } from "../keymap";
import type { Model } from "../model";
import { restWords, secondsLeft, type Turns } from "../turns";
import { type Refs, setClass, setDisabled, setHtml, setText, show } from "./dom";
import { recordingOf } from "./recording";

export function renderCampaign(refs: Refs, m: Model): void {
  const { turns } = m;
  const { at } = turns.phase;
  const some = (m.campaigns?.length ?? 0) > 0 || at !== "off";
  show(refs.get("campaign"), some);
  overPicture(refs, m);
  if (!some) return;
  choice(refs, m);
  show(refs.get("camp-body"), at !== "off");
  setClass(refs.get("camp-body"), inControl(m.authority, m.nowMs) ? "" : "ck-brief");
  show(refs.get("camp-do"), at === "armed" || at === "counting" || at === "resting" || at === "asking");
  setHtml(refs.get("camp-body"), body(turns));
  buttons(refs, m);
  const problem = turns.problem;
  show(refs.get("camp-why"), problem !== "");
  setClass(refs.get("camp-why"), "s11 warn");
  setText(refs.get("camp-why"), problem);
}

function choice(refs: Refs, m: Model): void {
  const select = refs.get("camp-choice") as HTMLSelectElement;
  const options = (m.campaigns ?? []).map((one) => `<option value="${safe(one.id)}">${safe(one.name)}</option>`);
  setHtml(select, `<option value="">none</option>${options.join("")}`);
  if (select.value !== m.turns.campaign) select.value = m.turns.campaign;
  setDisabled(select, false);
  const at = m.turns.phase.at;
  select.disabled = at === "starting" || at === "recording" || at === "ending";
}

function body(t: Turns): string {
  const { turn, prompt } = t;
  if (!turn) return `<p class="s11 muted">Asking which prompt comes next.</p>`;
  const whole = `<span><b>${turn.have}</b> of ${turn.goal} in all</span>`;
  if (!prompt)
    return `<p class="ck-prompt">${safe(restWords(turn))}</p><p class="row s11 muted">${whole}${coming(t)}</p>`;
  const n = turn.prompts.findIndex((one) => one.id === prompt.id) + 1;
  const share = Math.min(100, (prompt.have / Math.max(1, prompt.goal)) * 100).toFixed(1);
  const facts = `<p class="row s11 muted"><span>Prompt ${n} of ${turn.prompts.length}</span><span class="sp"></span>${coming(t)}<span><b class="ink">${prompt.have}</b> of ${prompt.goal}</span><span>·</span>${whole}</p>`;
  const bar = `<div class="meter ck-goal" role="progressbar" aria-label="Takes of this prompt" aria-valuemin="0" aria-valuemax="${prompt.goal}" aria-valuenow="${prompt.have}"><i style="width:${share}%"></i></div>`;
  const reset = prompt.reset ? `<p class="s11 t2 ck-reset"><b>Reset</b> ${safe(prompt.reset)}</p>` : "";
  return `${facts}${bar}<p class="ck-prompt">${safe(prompt.instruction)}</p>${reset}`;
}

function coming(t: Turns): string {
  const n = Object.keys(t.kept).length;
  return n > 0 ? `<span class="acc">${n} on its way</span>` : "";
}

function buttons(refs: Refs, m: Model): void {
  const { at } = m.turns.phase;
  const key = (action: Parameters<typeof keyFor>[1]): string => `<kbd>${safe(keyFor(m.keymap, action))}</kbd>`;
  const left = secondsLeft(m.turns, m.nowMs);
  const may = inControl(m.authority, m.nowMs);
  show(refs.get("camp-start"), left === null);
  show(refs.get("camp-cancel"), left !== null);
  show(refs.get("camp-scene"), at === "armed" || at === "counting");
  setClass(refs.get("camp-cancel"), "btn grow");
  setHtml(refs.get("camp-start"), `${startWords(m)} ${key("start")}`);
  setHtml(refs.get("camp-cancel"), `${left ? `Starts in ${left} s` : "Starting"} · stop ${key("rerecord")}`);
  setHtml(refs.get("camp-scene"), `Reset ${key("reset_scene")}`);
  const recording = recordingOf(m).state === "recording";
  setDisabled(refs.get("camp-start"), at === "armed" ? !may || recording : at === "asking" && !m.turns.problem);
  setDisabled(refs.get("camp-scene"), !may);
}

function startWords(m: Model): string {
  const { phase, turn, problem } = m.turns;
  if (phase.at === "asking") return problem ? "Try again" : "Asking";
  if (phase.at === "resting") return "Look again";
  if (phase.at === "armed" && !inControl(m.authority, m.nowMs)) return "Start needs control";
  if (phase.at !== "armed" || !turn?.reset_s) return "Start";
  return `Start, or in ${Math.max(0, Math.ceil(turn.reset_s - (m.nowMs - phase.sinceMs) / 1000))} s`;
}

function overPicture(refs: Refs, m: Model): void {
  const left = secondsLeft(m.turns, m.nowMs);
  const part = refs.get("count");
  show(part, left !== null);
  if (left === null) return;
  const key = `<kbd>${safe(keyFor(m.keymap, "rerecord"))}</kbd>`;
  setHtml(
    part,
    `<b>${left > 0 ? left : "…"}</b><span>${safe(m.turns.prompt?.instruction ?? "")}</span><small>${key} stops the countdown</small>`,
  );
}
