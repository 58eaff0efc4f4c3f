// The markup of a new task: skeleton, verdict of the guard, lists to choose from. Pure.
import { icon } from "../icons";
import { safe } from "../text";
import type { PolicyChoice, RobotChoice, Verdict } from "./shapes";
import { understood, wilson } from "./words";

export const NEW_TASK = `<form class="tk2" autocomplete="off">
  <div class="col">
    <div class="head"><h1>New task</h1><span class="muted">Say it in your words. Nothing moves before you start it.</span></div>
    <section class="panel"><div class="ph"><h2>What should happen?</h2><span class="sp"></span><span class="muted s11">Enter starts</span></div><div class="pb col">
      <label class="field tk-say"><span class="sr">Sentence</span><textarea data-part="sentence" rows="1" maxlength="2000" placeholder="Pick up the red cube" spellcheck="false"></textarea></label>
      <div data-part="verdict" class="tk-verdict" role="status"></div></div></section>
    <section class="panel tblwrap"><div class="ph"><h2>Policy</h2></div><div data-part="policies"><p class="pb muted">Asking the server.</p></div></section>
    <section class="panel tblwrap"><div class="ph"><h2>Robot</h2></div><div data-part="robots"><p class="pb muted">Asking the server.</p></div></section>
    <div class="tk-start"><span class="grow"><b class="s13" data-part="what"></b><br><span class="t2">It asks for a person when it is in doubt. You can stop it or take over at any time.</span><br><span class="err" data-part="problem" role="alert"></span></span><button class="btn pri lg" type="submit" data-part="start" disabled>Start <kbd>Ctrl</kbd> <kbd>Enter</kbd></button></div>
  </div>
  <aside class="panel" data-part="sees"></aside>
</form>`;

/** What the sentence is understood as, or why it is refused and what would do. */
export function verdictMarkup(sentence: string, verdict: Verdict | null, policy: PolicyChoice | undefined): string {
  if (!verdict) return policy ? known(policy) : "";
  if (!verdict.refusal) {
    const said = `<p class="tk-said">${understood(sentence, verdict.parts)}</p>`;
    return `${said}<p class="row wrap"><span class="chip ok">${icon("shield")}allowed</span><span class="chip pol">${safe(verdict.skill)}</span><span class="chip pol">${safe(verdict.target)}</span></p>`;
  }
  const chips = verdict.refusal.candidates.map((name) => `<span class="chip">${safe(name)}</span>`).join("");
  const may = chips ? `<p class="row wrap"><span class="muted s11">It knows</span>${chips}</p>` : "";
  return `<div class="check" data-refused="${safe(verdict.refusal.code)}">${icon("warning", "warn")}<span>${safe(verdict.refusal.sentence)}</span></div>${may}`;
}

function known(policy: PolicyChoice): string {
  const skill = policy.skills[0] ?? "";
  const examples = policy.things
    .slice(0, 3)
    .map((thing) => `${skill[0]?.toUpperCase() ?? ""}${skill.slice(1)} the ${thing}`);
  const buttons = examples
    .map((text) => `<button type="button" class="btn quiet" data-put="${safe(text)}">${safe(text)}</button>`)
    .join("");
  return `<p class="muted">${safe(policy.name)} knows ${safe(policy.skills.join(", "))} with ${safe(policy.things.join(", "))}.</p><div class="row wrap">${buttons}</div>`;
}

export function policyList(policies: readonly PolicyChoice[], chosen: string): string {
  if (policies.length === 0)
    return `<div class="empty">${icon("policy")}<b>No policy yet</b><p>Train one from a dataset, or bring one in as a folder.</p></div>`;
  const rows = policies.map((one) => {
    const [low, high] = wilson(one.successes, one.runs);
    const rate = one.runs
      ? `<b>${one.successes} of ${one.runs}</b> <span class="muted s11">${Math.round(low * 100)}–${Math.round(high * 100)} %</span>`
      : '<span class="muted">no runs yet</span>';
    const asks = one.limit ? "asks when in doubt" : "has no limit of doubt: it asks only without progress";
    return `<tr aria-selected="${one.id === chosen}"><td><input type="radio" name="policy" value="${safe(one.id)}" id="p-${safe(one.id)}" ${one.id === chosen ? "checked" : ""} ${one.why_not ? "disabled" : ""}></td><td><label for="p-${safe(one.id)}"><b>${safe(one.name)}</b></label><br><span class="s11 muted">${safe(one.stage)}</span></td><td>${safe(one.skills.join(", "))}<br><span class="s11 muted">${safe(one.things.join(", "))}</span></td><td class="nw">${rate}</td><td class="${one.why_not ? "warn" : "t2"}">${safe(one.why_not || asks)}</td></tr>`;
  });
  return `<table class="tbl"><thead><tr><th></th><th>Policy</th><th>Knows</th><th>Succeeded</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

export function robotList(
  robots: readonly RobotChoice[],
  chosen: string,
  whyNot: (robot: RobotChoice) => string,
): string {
  if (robots.length === 0)
    return `<div class="empty">${icon("arm")}<b>No robot</b><p>Ask an administrator to add one, or for a role at one.</p></div>`;
  const can = robots.filter((one) => !whyNot(one));
  const rows = [...can, ...robots.filter((one) => whyNot(one))].map((one) => {
    const why = whyNot(one);
    return `<tr aria-selected="${one.id === chosen && !why}" data-robot="${safe(one.name)}"><td><input type="radio" name="robot" value="${safe(one.id)}" id="r-${safe(one.id)}" ${one.id === chosen && !why ? "checked" : ""} ${why ? "disabled" : ""}></td><td><label for="r-${safe(one.id)}"><b>${safe(one.name)}</b></label><br><span class="s11 muted">${safe(one.site)}</span></td><td class="${why ? "muted" : ""}">${why ? safe(why) : `<span class="row">${icon("check", "ok")}free now</span>`}</td></tr>`;
  });
  return `<p class="s11 muted tk-can">${can.length} of ${robots.length} can do it</p><table class="tbl"><tbody>${rows.join("")}</tbody></table>`;
}
