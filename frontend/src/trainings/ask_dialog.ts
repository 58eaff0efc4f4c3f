// The dialog that asks for a training: on which dataset version, from which base, how, under which name.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { count, safe } from "../text";
import type { Choices, TrainingDetail } from "../training/shapes";

function options(list: readonly (readonly [string, string])[], chosen = ""): string {
  return list
    .map(
      ([value, shown]) =>
        `<option value="${safe(value)}"${value === chosen ? " selected" : ""}>${safe(shown)}</option>`,
    )
    .join("");
}

function markup(choices: Choices, given: URLSearchParams): string {
  const version = given.get("dataset") ? `${given.get("dataset")}/${given.get("version")}` : "";
  const versions = options(
    choices.versions.map((v) => [`${v.dataset}/${v.version}`, `${v.shown}, ${count(v.episodes, "episode")}`] as const),
    version,
  );
  const bases = options(
    choices.bases.map((b) => [b.id, `${b.shown}, ${b.stage}`] as const),
    given.get("base") ?? "",
  );
  const recipes = options(
    choices.recipes.map((r) => [r.name, r.name] as const),
    given.get("base") ? "continue" : "",
  );
  return `<form method="dialog"><div class="ph"><h2>New training</h2><button type="button" class="btn quiet ico sp" data-do="close" aria-label="Close">${icon("cross")}</button></div>
<div class="pb"><label class="wide">Dataset version<select name="version" required>${versions}</select></label>
<label>Recipe<select name="recipe">${recipes}</select></label><label>Goes on from<select name="base"><option value="">Nothing: begins anew</option>${bases}</select></label>
<p class="wide s11 muted" data-part="purpose"></p>
<label class="wide">Name of the policy<input name="name" maxlength="80" required autocomplete="off" placeholder="tabletop"></label>
<label>Steps<input name="steps" type="number" min="1" max="10000000" required></label><label>Seed<input name="seed" type="number" min="0" max="2147483647" required></label>
<label>Rate<input name="rate" type="number" min="0.0000001" max="1" step="any" required></label><label>Batch<input name="batch" type="number" min="1" max="4096" required></label>
<label>Head<select name="head">${options(["regression", "flow", "diffusion", "tokens"].map((name) => [name, name] as const))}</select></label><label>Learns on<select name="device">${options(
    [
      ["auto", "a GPU where there is one"],
      ["cuda", "a GPU only"],
      ["cpu", "the processor"],
    ],
  )}</select></label>
<p class="wide err" data-part="problem" role="alert" hidden></p></div>
<div class="foot-row"><button type="button" class="btn" data-do="close">Not now</button><button class="btn pri">${icon("play")}Train</button></div></form>`;
}

/** Opens it; `given` may name a dataset and version, or a base. */
export async function askForTraining(given: URLSearchParams): Promise<void> {
  const choices = await call<Choices>("GET", "/api/trainings/choices");
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-label", "New training");
  if (!choices.versions.length) dialog.innerHTML = nothing();
  else dialog.innerHTML = markup(choices, given);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-do=close]")) dialog.close();
  });
  const form = dialog.querySelector("form");
  if (form && choices.versions.length) {
    const fill = (): void => fromRecipe(form, choices);
    field(form, "recipe").addEventListener("change", fill);
    field(form, "base").addEventListener("change", () => fromBase(form));
    form.addEventListener("submit", (event) => void send(event, form, dialog));
    fill();
  }
  dialog.showModal();
  dialog.querySelector<HTMLInputElement>("input[name=name]")?.focus();
}

function nothing(): string {
  return `<form method="dialog"><div class="empty">${icon("grid")}<b>Nothing to learn from yet</b><p>Freeze a version of a dataset first. With a role that may not train, ask an administrator.</p><a class="btn pri" href="/datasets/">Open datasets</a><button type="button" class="btn" data-do="close">Close</button></div></form>`;
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}

function fromRecipe(form: HTMLFormElement, choices: Choices): void {
  const recipe = choices.recipes.find((one) => one.name === field(form, "recipe").value);
  if (!recipe) return;
  for (const name of ["steps", "seed", "rate", "batch"]) field(form, name).value = String(recipe.learn[name] ?? "");
  field(form, "head").value = recipe.head;
  (form.querySelector("[data-part=purpose]") as HTMLElement).textContent = recipe.purpose;
  field(form, "base").required = recipe.needs_base;
  fromBase(form);
}

/** With a base the head is the base's. */
function fromBase(form: HTMLFormElement): void {
  field(form, "head").disabled = field(form, "base").value !== "";
}

async function send(event: Event, form: HTMLFormElement, dialog: HTMLDialogElement): Promise<void> {
  event.preventDefault();
  const [dataset, version] = field(form, "version").value.split("/");
  const base = field(form, "base").value;
  const problem = form.querySelector("[data-part=problem]") as HTMLElement;
  const button = form.querySelector(".btn.pri") as HTMLButtonElement;
  button.disabled = true;
  try {
    const made = await call<TrainingDetail>("POST", "/api/trainings", {
      dataset,
      version: Number(version),
      recipe: field(form, "recipe").value,
      name: field(form, "name").value.trim(),
      steps: Number(field(form, "steps").value),
      seed: Number(field(form, "seed").value),
      rate: Number(field(form, "rate").value),
      batch: Number(field(form, "batch").value),
      device: field(form, "device").value,
      ...(base ? { base } : { head: field(form, "head").value }),
    });
    dialog.close();
    location.assign(made.url);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
    say(error.message);
    button.disabled = false;
  }
}
