// <task-list>: what was asked of robots, the newest first, with what became of it. Keeps itself up to date.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { safe, span } from "../text";
import type { RunRow, TaskPage, TaskRow, TaskState } from "./shapes";
import { reasonOf, runChip, taskChip, understood, when } from "./words";

const AGAIN_MS = 2000;
const SHOWN: readonly ("all" | TaskState)[] = ["all", "running", "done", "failed", "cancelled"];

class TaskList extends HTMLElement {
  private leaving = new AbortController();
  private page: TaskPage | null = null;
  private shown: "all" | TaskState = "all";
  private timer = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Tasks</h1><span class="sp"></span><span data-part="new"></span></div><div class="row wrap strip" data-part="strip"></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the tasks.</span></div></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    bindKeys({ n: () => this.page?.may_start && window.location.assign("/tasks/new/") }, signal);
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private async load(): Promise<void> {
    window.clearTimeout(this.timer);
    try {
      const state = this.shown === "all" ? "" : `?state=${this.shown}`;
      const page = await call<TaskPage>("GET", `/api/tasks${state}`, undefined, this.leaving.signal);
      const news = JSON.stringify(page) !== JSON.stringify(this.page);
      this.page = page;
      if (news) this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.page) this.failed(error.message);
    }
    this.timer = window.setTimeout(() => void this.load(), document.hidden ? 5 * AGAIN_MS : AGAIN_MS);
  }

  private failed(sentence: string): void {
    this.at("body").innerHTML =
      `<div class="empty">${icon("warning")}<b>The tasks could not be loaded</b><p>${safe(sentence)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
    say(sentence);
  }

  private draw(): void {
    const { page } = this;
    if (!page) return;
    this.at("new").innerHTML = page.may_start
      ? `<a class="btn pri" href="/tasks/new/">${icon("plus")}New task<kbd>N</kbd></a>`
      : "";
    this.at("strip").innerHTML = SHOWN.map(
      (name) =>
        `<button type="button" class="chip pickable ${name === this.shown ? "acc" : ""}" aria-pressed="${name === this.shown}" data-do="show" data-show="${name}">${name}</button>`,
    ).join("");
    this.at("body").innerHTML = page.items.length ? table(page.items) : this.none(page.may_start);
  }

  private none(may: boolean): string {
    if (this.shown !== "all") return `<div class="empty">${icon("search")}<b>No task is ${this.shown}</b></div>`;
    const next = may
      ? '<p>Say in a sentence what a robot should do. It is checked against what the chosen policy knows before anything moves.</p><a class="btn pri" href="/tasks/new/">New task</a>'
      : "<p>Operators and dispatchers begin them.</p>";
    return `<div class="empty">${icon("policy")}<b>No task yet</b>${next}</div>`;
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (button?.dataset.do === "retry") void this.load();
    if (button?.dataset.do !== "show") return;
    this.shown = (button.dataset.show ?? "all") as "all" | TaskState;
    this.draw();
    void this.load();
  }
}

function table(items: readonly TaskRow[]): string {
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th class="n">#</th><th>Task</th><th>State</th><th>Now</th><th>Robot</th><th class="hide-s">Policy</th><th class="n hide-s">Runs</th><th class="hide-s">Asked by</th><th class="n">At</th></tr></thead><tbody>${items.map(line).join("")}</tbody></table></section>`;
}

function line(task: TaskRow): string {
  const run = task.runs[0];
  const href = run?.url ?? "/tasks/";
  return `<tr data-task="${safe(task.id)}"><td class="n muted">${task.number}</td><td><a class="b ink tk-said" href="${safe(href)}">${understood(task.sentence, task.parts)}</a></td><td>${taskChip(task.state)}</td><td>${run ? now(run) : ""}</td><td class="nw">${safe(run?.robot.name ?? "")}</td><td class="hide-s nw">${safe(run?.policy.name ?? "")}</td><td class="n hide-s">${task.runs.length}</td><td class="hide-s nw">${safe(task.made_by)}</td><td class="n nw muted">${when(task.made_at)}</td></tr>`;
}

function now(run: RunRow): string {
  const help = run.help ? ` <a class="btn wait" href="${safe(run.help)}">${icon("question")}Asks for help</a>` : "";
  const wait = run.waits ? `<br><span class="s11 warn">${safe(run.waits)}</span>` : "";
  const took = run.phase === "ended" && run.seconds > 0 ? ` <span class="muted">${span(run.seconds)}</span>` : "";
  const why =
    run.phase === "ended" && run.reason && run.result !== "success"
      ? `<br><span class="s11 muted">${safe(run.explanation || reasonOf(run.reason))}</span>`
      : "";
  return `${runChip(run)}${took}${help}${wait}${why}`;
}

customElements.define("task-list", TaskList);
