// The form of a campaign in a dialog: new or changed. Reads the fields into a plan, shows what the server refused, closes when it is kept.
import { Refused } from "../http";
import { icon } from "../icons";
import { safe } from "../text";
import type { CampaignDetail, CampaignSite } from "./shapes";
import type { Plan, PromptWish } from "./store";

export interface FormEvents {
  /** Keeps the plan; throws Refused. `open`: it shall be open at once. */
  save(site: number, plan: Plan, open: boolean): Promise<void>;
}

const EMPTY: PromptWish = { id: "", instruction: "", reset: "", goal: 20 };

/** Shows the form; `campaign` null makes a new one. */
export function showForm(sites: readonly CampaignSite[], campaign: CampaignDetail | null, events: FormEvents): void {
  const dialog = document.createElement("dialog");
  dialog.className = "cp-dialog";
  dialog.setAttribute("aria-label", campaign ? "Change the campaign" : "New campaign");
  dialog.innerHTML = markup(sites, campaign);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => pressed(dialog, event));
  dialog.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement)
      at(dialog, "robots").innerHTML = robotBoxes(sites, event.target.value);
  });
  dialog.addEventListener("submit", (event) => void submitted(dialog, event, events));
  dialog.showModal();
  dialog.querySelector<HTMLInputElement>("[name=name]")?.focus();
}

function at(dialog: HTMLElement, part: string): HTMLElement {
  return dialog.querySelector(`[data-part="${part}"]`) as HTMLElement;
}

function markup(sites: readonly CampaignSite[], c: CampaignDetail | null): string {
  const site = c?.site.id ?? sites[0]?.id ?? "";
  const options = sites.map(
    (one) => `<option value="${safe(one.id)}"${one.id === site ? " selected" : ""}>${safe(one.name)}</option>`,
  );
  const prompts = c ? c.prompts : [EMPTY];
  const chosen = c ? c.robots.map((robot) => robot.id) : null;
  const open = c ? "" : `<button class="btn" type="submit" value="draft">Save as draft</button>`;
  return `<form method="dialog" class="cp-form">
  <div class="row"><h2>${c ? "Change the campaign" : "New campaign"}</h2><span class="sp"></span><button class="btn quiet ico" type="button" data-do="close" aria-label="Close">${icon("cross")}</button></div>
  <div class="cp-fields">
    <label class="cp-wide"><span>Name</span><input name="name" value="${safe(c?.name ?? "")}" maxlength="80" required placeholder="Lift the cubes by Friday" autocomplete="off"></label>
    <label><span>Last day</span><input name="due" type="date" value="${safe(c?.due ?? "")}"></label>
    <label${c || sites.length < 2 ? " hidden" : ""}><span>Site</span><select name="site">${options.join("")}</select></label>
  </div>
  <fieldset><legend>Robots</legend><div class="row wrap" data-part="robots">${robotBoxes(sites, site, chosen)}</div></fieldset>
  <fieldset><legend>Prompts</legend><div class="cp-prompts"><div class="cp-prompt cp-labels muted s11" aria-hidden="true"><span>What shall be shown</span><span>How to put the scene back</span><span>Takes</span><span></span></div><div data-part="prompts">${prompts.map(promptRow).join("")}</div></div><button class="btn quiet" type="button" data-do="add">${icon("plus")}Add a prompt</button></fieldset>
  <div class="cp-fields cp-three">
    <label><span>Countdown, s</span><input name="countdown_s" type="number" min="0" max="30" value="${c?.countdown_s ?? 3}" required></label>
    <label><span>Time to reset, s <i class="muted">0 waits for Enter</i></span><input name="reset_s" type="number" min="0" max="600" value="${c?.reset_s ?? 0}" required></label>
    <label class="cp-check"><input name="only_success" type="checkbox"${c?.only_success ? " checked" : ""}><span>Only successes count</span></label>
  </div>
  <p class="err" data-part="problem" role="alert" hidden></p>
  <div class="row"><span class="sp"></span>${open}<button class="btn pri" type="submit" value="open">${c ? "Save" : "Save and open"}</button></div>
</form>`;
}

function robotBoxes(sites: readonly CampaignSite[], site: string, chosen: readonly string[] | null = null): string {
  const robots = sites.find((one) => one.id === site)?.robots ?? [];
  if (robots.length === 0) return '<span class="muted">There is no robot at this site yet.</span>';
  const box = (robot: { id: string; name: string }): string =>
    `<label class="chip cp-robot"><input type="checkbox" name="robot" value="${safe(robot.id)}"${chosen === null || chosen.includes(robot.id) ? " checked" : ""}>${safe(robot.name)}</label>`;
  return robots.map(box).join("");
}

function promptRow(prompt: PromptWish): string {
  return `<div class="cp-prompt" data-prompt="${safe(prompt.id)}">
  <input name="instruction" value="${safe(prompt.instruction)}" maxlength="500" required placeholder="Lift the red cube" aria-label="What shall be shown" autocomplete="off">
  <input name="reset" value="${safe(prompt.reset)}" maxlength="500" placeholder="Cube on the blue mark" aria-label="How to put the scene back" autocomplete="off">
  <input name="goal" type="number" min="0" max="10000" value="${prompt.goal}" required aria-label="Takes">
  <span class="row"><button class="btn quiet ico" type="button" data-do="up" aria-label="Move up" title="Move up">↑</button><button class="btn quiet ico" type="button" data-do="drop" aria-label="Remove the prompt" title="Remove the prompt">${icon("bin")}</button></span>
</div>`;
}

function pressed(dialog: HTMLDialogElement, event: Event): void {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
  const row = button?.closest<HTMLElement>(".cp-prompt");
  if (button?.dataset.do === "close") dialog.close();
  else if (button?.dataset.do === "add") add(dialog);
  else if (button?.dataset.do === "drop") row?.remove();
  else if (button?.dataset.do === "up" && row?.previousElementSibling) row.previousElementSibling.before(row);
}

function add(dialog: HTMLDialogElement): void {
  const rows = at(dialog, "prompts");
  const last = rows.lastElementChild?.querySelector<HTMLInputElement>("[name=goal]");
  rows.insertAdjacentHTML("beforeend", promptRow({ ...EMPTY, goal: Number(last?.value ?? EMPTY.goal) }));
  rows.lastElementChild?.querySelector("input")?.focus();
}

/** What stands in the fields. */
export function planOf(form: HTMLElement): Plan {
  const field = (name: string, within: ParentNode = form): HTMLInputElement =>
    within.querySelector(`[name="${name}"]`) as HTMLInputElement;
  const rows = [...form.querySelectorAll<HTMLElement>("[data-prompt]")];
  const robots = [...form.querySelectorAll<HTMLInputElement>("[name=robot]:checked")];
  return {
    name: field("name").value.trim(),
    due: field("due").value || null,
    countdown_s: Number(field("countdown_s").value),
    reset_s: Number(field("reset_s").value),
    only_success: field("only_success").checked,
    robots: robots.map((box) => box.value),
    prompts: rows.map((row) => ({
      id: row.dataset.prompt ?? "",
      instruction: field("instruction", row).value.trim(),
      reset: field("reset", row).value.trim(),
      goal: Number(field("goal", row).value),
    })),
  };
}

async function submitted(dialog: HTMLDialogElement, event: SubmitEvent, events: FormEvents): Promise<void> {
  event.preventDefault();
  const button = event.submitter;
  const open = button instanceof HTMLButtonElement && button.value === "open";
  const site = Number((dialog.querySelector("[name=site]") as HTMLSelectElement).value);
  const problem = at(dialog, "problem");
  problem.hidden = true;
  if (button instanceof HTMLButtonElement) button.disabled = true;
  try {
    await events.save(site, planOf(dialog), open);
    dialog.close();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    if (button instanceof HTMLButtonElement) button.disabled = false;
  }
}
