// The run's part of the right panel: what was asked, where it stands, why it asks for help, and the ways on.
import { question } from "../../help/words";
import { icon } from "../../icons";
import { gauge, runChip, understood } from "../../tasks/words";
import { fixed, safe } from "../../text";
import { inControl } from "../authority";
import { keyFor } from "../keymap";
import type { Model } from "../model";
import { type Refs, setHtml, show } from "./dom";

export function renderRun(refs: Refs, m: Model): void {
  const { run } = m;
  show(refs.get("run"), run !== null);
  if (!run) return;
  setHtml(refs.get("run-body"), body(m));
  setHtml(refs.get("run-do"), buttons(m));
}

function body(m: Model): string {
  const { run, help } = m;
  if (!run) return "";
  const now = run.newest;
  const doubt =
    now?.doubt === undefined
      ? ""
      : `<div class="row s11"><span class="muted">Doubt</span><span class="grow">${gauge(now.doubt, now.limit)}</span><b>${fixed(now.doubt)}</b>${now.limit === undefined ? "" : `<span class="muted">asks at ${fixed(now.limit)}</span>`}</div>`;
  const asks =
    help && run.phase !== "moving"
      ? `<p class="ck-asks">${safe(question(help))}</p><p class="s11"><a href="${safe(help.url)}">What it saw before</a> · <a href="${safe(run.url)}">Whole trace</a></p>`
      : `<p class="s11"><a href="${safe(run.url)}">Whole trace</a></p>`;
  const waits = run.waits ? `<p class="s11 warn">${safe(run.waits)}</p>` : "";
  return `<p class="row wrap">${runChip(run)}<span class="muted s11">${safe(run.policy.name)}</span></p><p class="tk-said ck-said">${understood(run.sentence, run.parts)}</p>${doubt}${asks}${waits}`;
}

function buttons(m: Model): string {
  const { run } = m;
  if (!run?.may_run) return "";
  const key = (action: Parameters<typeof keyFor>[1]): string => `<kbd>${safe(keyFor(m.keymap, action))}</kbd>`;
  const mine = inControl(m.authority, m.nowMs);
  const back =
    run.phase === "holding" && !mine
      ? `<button class="btn grow" type="button" data-act="run-back">${icon("policy")}Go on</button>`
      : "";
  const word = mine ? [key("success"), key("failure")] : ["", ""];
  return `${back}<button class="btn grow" type="button" data-act="run-good">${icon("check", "ok")}End: success ${word[0]}</button><button class="btn grow" type="button" data-act="run-bad">${icon("cross", "err")}End: failure ${word[1]}</button>`;
}
