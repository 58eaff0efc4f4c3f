// <training-queue>: every training one may see, in the order in which they are done; why they wait, how far they are, why they failed.
import { when } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { count, safe } from "../text";
import { toast } from "../toast";
import { stateChip } from "../training/markup";
import type { TrainingRow } from "../training/shapes";
import { heard, left, percent, standing, thousands } from "../training/words";
import { askForTraining } from "./ask_dialog";

const LOOK_MS = 2000;
const CALM_MS = 10_000;

class TrainingQueue extends HTMLElement {
  private leaving = new AbortController();
  private rows: TrainingRow[] | null = null;
  private chosen = new Set<string>();
  private timer = 0;
  private lost = false;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Trainings</h1><span class="muted s11" data-part="total"></span><span class="sp"></span><a class="btn" data-part="compare" hidden>Compare</a><button type="button" class="btn pri" data-do="new">${icon("plus")}New training<kbd>N</kbd></button></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the trainings.</span></div></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("change", (event) => this.chose(event), { signal });
    bindKeys({ n: () => void this.begin() }, signal);
    void this.look();
    if (new URLSearchParams(location.search).has("new")) void this.begin();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    try {
      this.rows = await call<TrainingRow[]>("GET", this.dataset.url ?? "", undefined, this.leaving.signal);
      this.lost = false;
      this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.rows) this.at("body").innerHTML = failed(error.message);
      else if (!this.lost) toast(error.message, { kind: "warn", strong: "Not up to date.", lifeMs: 6000 });
      this.lost = true;
    }
    const busy = this.rows?.some((row) => row.state === "running" || row.state === "queued") ?? false;
    this.timer = window.setTimeout(() => void this.look(), busy ? LOOK_MS : CALM_MS);
  }

  private draw(): void {
    const rows = this.rows ?? [];
    const running = rows.filter((row) => row.state === "running").length;
    const waiting = rows.filter((row) => row.state === "queued").length;
    this.at("total").textContent = rows.length ? `${running} running, ${waiting} waiting` : "";
    const compare = this.at("compare") as HTMLAnchorElement;
    compare.hidden = this.chosen.size < 2;
    compare.textContent = `Compare ${this.chosen.size}`;
    compare.href = `/trainings/compare/?ids=${[...this.chosen].join(",")}`;
    const markup = rows.length ? table(rows, this.chosen) : none();
    const body = this.at("body");
    if (body.dataset.shown === markup) return;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.id;
    body.dataset.shown = markup;
    body.innerHTML = markup;
    if (focused) body.querySelector<HTMLElement>(`[data-id="${focused}"]`)?.focus();
  }

  private chose(event: Event): void {
    const box = event.target as HTMLInputElement;
    if (box.name !== "chosen") return;
    if (box.checked) this.chosen.add(box.value);
    else this.chosen.delete(box.value);
    this.draw();
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (button?.dataset.do === "new") void this.begin();
    if (button?.dataset.do === "retry") void this.look();
    if (button?.dataset.do === "cancel") void this.cancel(button.dataset.id ?? "");
  }

  private async begin(): Promise<void> {
    await this.guarded("Not begun.", () => askForTraining(new URLSearchParams(location.search)));
  }

  private async cancel(id: string): Promise<void> {
    const row = this.rows?.find((one) => one.id === id);
    if (row?.state === "running") {
      location.assign(row.url); // what runs is cancelled where one sees it
      return;
    }
    await this.guarded("Not cancelled.", async () => {
      await call("POST", `${this.dataset.url}/${id}/cancel`);
      say("Cancelled.");
      await this.look();
    });
  }

  private async guarded(strong: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong });
    }
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function line(row: TrainingRow, chosen: ReadonlySet<string>): string {
  const remaining = left(row);
  const bar = `<span class="meter" role="progressbar" aria-label="${safe(row.name)}" aria-valuenow="${percent(row)}" aria-valuemin="0" aria-valuemax="100"><i style="width:${percent(row)}%"></i></span>`;
  const far =
    row.state === "queued"
      ? `<b>${row.place}.</b> <span class="muted">in the queue</span>`
      : `<b>${percent(row)} %</b> <span class="s11 muted">${thousands(row.step)} of ${thousands(row.total)}</span>${row.state === "running" ? bar : ""}`;
  const time =
    row.state === "running"
      ? `${remaining.strong ? `<b>${remaining.strong}</b><br>` : ""}<span class="s11 muted">${remaining.basis}</span>`
      : `<span class="muted">${when(row.ended_at ?? row.asked_at)}</span>`;
  const held = row.held_out === null ? "" : `<b>${row.held_out.toFixed(3)}</b>`;
  const result = row.made ? `<a href="${safe(row.made.url)}">${safe(row.made.shown)}</a>` : "";
  const stop = row.may_cancel
    ? `<button type="button" class="btn quiet ico" data-do="cancel" data-id="${safe(row.id)}" aria-label="Cancel ${safe(row.name)}" title="Cancel">${icon("cross")}</button>`
    : "";
  const told = heard(row);
  const about = `<span class="s11 ${row.state === "failed" ? "err" : "muted"}">${safe(standing(row))}${told ? `, ${told}` : ""}</span>`;
  const tick =
    row.state === "queued"
      ? ""
      : `<input type="checkbox" name="chosen" value="${safe(row.id)}" data-id="c${safe(row.id)}"${chosen.has(row.id) ? " checked" : ""} aria-label="Compare ${safe(row.name)}">`;
  return `<tr><td class="hide-s">${tick}</td><td class="nw state">${stateChip(row)}</td><td class="why"><a class="b ink" href="${safe(row.url)}">${safe(row.name)}</a><br>${about}</td><td class="hide-s"><a href="${safe(row.dataset_url)}">${safe(row.dataset)}</a><br><span class="s11 muted">${count(row.episodes, "episode")}${row.base ? `, from ${safe(row.base.shown)}` : ""}</span></td><td class="nw far">${far}</td><td class="nw time">${time}</td><td class="n hide-s">${held}</td><td class="nw result">${result}</td><td class="nw hide-s t2">${safe(row.asked_by)}</td><td class="n">${stop}</td></tr>`;
}

function table(rows: readonly TrainingRow[], chosen: ReadonlySet<string>): string {
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th><span class="sr">Compare</span></th><th>State</th><th>Training</th><th class="hide-s">Learns from</th><th>Progress</th><th>Time</th><th class="n hide-s" title="Error on what was set aside, at the end">Set aside</th><th>Policy</th><th class="hide-s">Asked by</th><th><span class="sr">Actions</span></th></tr></thead><tbody>${rows.map((row) => line(row, chosen)).join("")}</tbody></table></section>`;
}

function none(): string {
  return `<div class="empty">${icon("plot")}<b>Nothing was trained yet</b><p>Freeze a version of a dataset, then press Train: a policy learns from it in the background.</p><button type="button" class="btn pri" data-do="new">${icon("plus")}New training</button></div>`;
}

function failed(sentence: string): string {
  return `<div class="empty">${icon("warning")}<b>The trainings could not be loaded</b><p>${safe(sentence)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
}

customElements.define("training-queue", TrainingQueue);
