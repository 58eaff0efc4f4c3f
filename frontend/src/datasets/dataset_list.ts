// <dataset-list>: the datasets one may see, each with its draft and newest version; making one, removing with undo.
import { hours } from "../episodes/facets";
import { when } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { count, safe } from "../text";
import { toast } from "../toast";
import type { DatasetDetail, DatasetRow } from "./shapes";

class DatasetList extends HTMLElement {
  private leaving = new AbortController();
  private rows: DatasetRow[] = [];
  private mayMake = false;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Datasets</h1><span class="muted s11" data-part="total"></span><span class="sp"></span><form class="row" data-part="make" hidden><label class="field"><span class="sr">Name of a new dataset</span><input name="name" maxlength="80" placeholder="Name of a new dataset" autocomplete="off"></label><button class="btn pri">${icon("plus")}New dataset<kbd>N</kbd></button></form></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the datasets.</span></div></div>`;
    this.addEventListener("submit", (event) => void this.make(event), { signal });
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    bindKeys(
      {
        n: () => this.querySelector<HTMLInputElement>("input[name=name]")?.focus(),
        u: () => document.querySelector<HTMLButtonElement>('.toast:last-child [data-key="u"]')?.click(),
      },
      signal,
    );
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private get url(): string {
    return this.dataset.url ?? "/api/datasets";
  }

  private async load(): Promise<void> {
    try {
      const { signal } = this.leaving;
      const [rows, choices] = await Promise.all([
        call<DatasetRow[]>("GET", this.url, undefined, signal),
        call<{ may_curate: boolean }>("GET", "/api/library/choices", undefined, signal),
      ]);
      this.rows = rows;
      this.mayMake = choices.may_curate;
      this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("body").innerHTML =
        `<div class="empty">${icon("warning")}<b>The datasets could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      say(error.message);
    }
  }

  private draw(): void {
    this.at("make").hidden = !this.mayMake;
    this.at("total").textContent = this.rows.length ? count(this.rows.length, "dataset") : "";
    this.at("body").innerHTML = this.rows.length ? table(this.rows, this.mayMake) : none(this.mayMake);
  }

  private async make(event: Event): Promise<void> {
    event.preventDefault();
    const name = this.querySelector<HTMLInputElement>("input[name=name]")?.value.trim() ?? "";
    if (!name) return;
    await this.guarded("Not made.", async () => {
      const made = await call<DatasetDetail>("POST", this.url, { name });
      location.assign(made.url);
    });
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const row = this.rows.find((one) => one.id === button?.dataset.id);
    if (button?.dataset.do === "retry") void this.load();
    if (button?.dataset.do === "remove" && row) void this.takeAway(row);
  }

  private async takeAway(row: DatasetRow): Promise<void> {
    await this.guarded("Not removed.", async () => {
      await call("DELETE", `${this.url}/${row.id}?version=${row.version}`);
      const back = async (): Promise<void> => {
        await this.guarded("Not brought back.", async () => {
          await call("POST", `${this.url}/${row.id}/restore`);
        });
        await this.load();
      };
      toast(`“${row.name}” removed; its versions stay.`, {
        action: { label: "Undo", key: "U", run: () => void back() },
      });
    });
    await this.load();
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

function table(rows: readonly DatasetRow[], may: boolean): string {
  const lines = rows.map((row) => {
    const follows = row.follows ? `follows ${row.query ? "a filter" : "every episode"}` : "picked by hand";
    const newest = row.newest
      ? `<a class="ink" href="${safe(row.url)}?version=${row.newest.number}">version ${row.newest.number}</a><br><span class="s11 muted">${count(row.newest.episodes, "episode")}, ${when(row.newest.frozen_at)}, ${safe(row.newest.frozen_by)}</span>`
      : '<span class="muted">not frozen yet</span>';
    const hash = row.newest ? `<code title="sha256 ${row.newest.digest}">${row.newest.digest.slice(0, 10)}</code>` : "";
    const bin = may
      ? `<button type="button" class="btn quiet ico" data-do="remove" data-id="${safe(row.id)}" aria-label="Remove ${safe(row.name)}" title="Remove; can be undone">${icon("bin")}</button>`
      : "";
    return `<tr><td class="why"><a class="b ink" href="${safe(row.url)}">${safe(row.name)}</a><br><span class="s11 muted">${safe(row.description || follows)}</span></td><td class="n"><b>${row.episodes}</b><br><span class="s11 muted">${hours(row.seconds)}</span></td><td class="nw">${newest}</td><td class="hide-s">${hash}</td><td class="hide-s n">${row.versions}</td><td class="hide-s">${safe(row.site || row.organisation)}</td><td class="hide-s nw t2">${safe(row.made_by)}<br><span class="s11 muted">${when(row.made_at)}</span></td><td class="n">${bin}</td></tr>`;
  });
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th>Dataset</th><th class="n">Draft, episodes</th><th>Newest version</th><th class="hide-s">Hash</th><th class="hide-s n">Versions</th><th class="hide-s">Of</th><th class="hide-s">Made by</th><th><span class="sr">Actions</span></th></tr></thead><tbody>${lines.join("")}</tbody></table></section>`;
}

function none(may: boolean): string {
  const todo = may
    ? "Filter the library, select episodes, press D, and name a dataset. Or make an empty one here and let it follow a filter."
    : "Reviewers and engineers make datasets. Ask one of them, or an administrator for the role.";
  return `<div class="empty">${icon("grid")}<b>No dataset yet</b><p>${todo}</p><a class="btn pri" href="/episodes/">Open the library</a></div>`;
}

customElements.define("dataset-list", DatasetList);
