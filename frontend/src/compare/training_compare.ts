// <training-compare>: several trainings beside each other, named in the address. Their curves over the same steps, and what differs.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { safe, span } from "../text";
import { type Chart, Charts, short } from "../training/charts";
import { beside, Curves } from "../training/curves";
import { stateChip } from "../training/markup";
import type { Line } from "../training/reported";
import type { TrainingDetail } from "../training/shapes";
import { percent } from "../training/words";
import { differences } from "./differences";

const MOST = 5;
const LOOK_MS = 3000;
const SERIES = ["accent", "d2", "d3", "d5", "d6"];
const SHOWN: [string, string][] = [
  ["held_out", "Error on what was set aside"],
  ["loss", "Loss, all heads"],
  ["held_out_action", "Set aside: action"],
  ["held_out_waypoint", "Set aside: where it means to go"],
  ["gradient", "Gradient norm"],
  ["samples_per_s", "Samples per second"],
];

class TrainingCompare extends HTMLElement {
  private leaving = new AbortController();
  private charts: Charts | null = null;
  private ids: string[] = [];
  private rows: TrainingDetail[] = [];
  private curves = new Map<string, Curves>();
  private next = new Map<string, number>();
  private timer = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const given = (new URLSearchParams(location.search).get("ids") ?? "").split(",");
    this.ids = [...new Set(given.filter((id) => /^[0-9a-f]{32}$/.test(id)))].slice(0, MOST);
    this.innerHTML = `<div class="head"><h1>Trainings beside each other</h1><span class="sp"></span><a class="btn" href="/trainings/">All trainings</a></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the trainings.</span></div></div>`;
    window.addEventListener("resize", () => this.charts?.fit(), { signal });
    const themes = new MutationObserver(() => this.charts?.recolour());
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    signal.addEventListener("abort", () => themes.disconnect());
    this.addEventListener("click", (event) => {
      if ((event.target as Element).closest("[data-do=retry]")) void this.look();
    });
    if (this.ids.length < 2) this.at("body").innerHTML = few();
    else void this.look();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
    this.charts?.clear();
  }

  private async look(): Promise<void> {
    try {
      await Promise.all(this.ids.map((id) => this.read(id)));
      this.rows = await Promise.all(this.ids.map((id) => this.ask<TrainingDetail>(`/${id}`)));
      this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.charts) this.at("body").innerHTML = failed(error.message);
    }
    if (this.rows.some((row) => row.state === "running"))
      this.timer = window.setTimeout(() => void this.look(), LOOK_MS);
  }

  private ask<T>(path: string): Promise<T> {
    return call<T>("GET", `${this.dataset.url}${path}`, undefined, this.leaving.signal);
  }

  private async read(id: string): Promise<void> {
    const curves = this.curves.get(id) ?? new Curves();
    this.curves.set(id, curves);
    let more = true;
    while (more) {
      const found = await this.ask<{ lines: Line[]; next: number; more: boolean }>(
        `/${id}/curves?after=${this.next.get(id) ?? 0}`,
      );
      curves.add(found.lines);
      this.next.set(id, found.next);
      more = found.more;
    }
  }

  private draw(): void {
    if (!this.charts) {
      this.at("body").innerHTML = `<div class="charts" data-part="charts"></div><div data-part="table"></div>`;
      this.charts = new Charts(this.at("charts"));
    }
    const all = this.ids.map((id) => this.curves.get(id) as Curves);
    const charts: Record<string, Chart> = {};
    for (const [name, title] of SHOWN) {
      const data = beside(all, name);
      if (data.steps.length)
        charts[`beside-${name}`] = { title, height: 190, log: name !== "samples_per_s", lines: this.lines(), data };
    }
    this.charts.show(charts);
    this.at("table").innerHTML = table(this.rows);
  }

  private lines(): Chart["lines"] {
    return this.rows.map((row, i) => ({ label: `${i + 1} ${row.name}`, colour: SERIES[i] ?? "d7" }));
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function table(rows: readonly TrainingDetail[]): string {
  const took = (row: TrainingDetail): string =>
    row.began_at && row.ended_at ? span((Date.parse(row.ended_at) - Date.parse(row.began_at)) / 1000) : "";
  const figure = (row: TrainingDetail): string => (row.held_out === null ? "" : short(row.held_out));
  const facts: [string, string[]][] = [
    ["State", rows.map((row) => `${stateChip(row)} ${percent(row)} %`)],
    ["Set aside, at the end", rows.map(figure)],
    ["Took", rows.map(took)],
    ["Policy", rows.map((row) => (row.made ? `<a href="${safe(row.made.url)}">${safe(row.made.shown)}</a>` : ""))],
  ];
  const all = differences(rows);
  const settings = all.map(
    (one) =>
      `<tr class="${one.same ? "same" : ""}"><td>${safe(one.name)}</td>${one.values.map((value) => `<td class="n">${one.same ? safe(value) : `<b>${safe(value)}</b>`}</td>`).join("")}</tr>`,
  );
  const head = rows
    .map((row, i) => `<th class="n"><a href="${safe(row.url)}">${i + 1} ${safe(row.name)}</a></th>`)
    .join("");
  const first = facts.map(
    ([name, values]) => `<tr><td>${name}</td>${values.map((v) => `<td class="n">${v}</td>`).join("")}</tr>`,
  );
  return `<section class="panel tblwrap" style="margin-top:12px"><div class="ph"><h2>What differs</h2><span class="sp muted s11">what is the same is dim</span></div><table class="tbl"><thead><tr><th></th>${head}</tr></thead><tbody>${first.join("")}${settings.join("")}</tbody></table></section>`;
}

function few(): string {
  return `<div class="empty">${icon("plot")}<b>Choose two or more trainings</b><p>Tick them in the list, then press Compare. Up to ${MOST} fit beside each other.</p><a class="btn pri" href="/trainings/">All trainings</a></div>`;
}

function failed(sentence: string): string {
  return `<div class="empty">${icon("warning")}<b>The trainings could not be loaded</b><p>${safe(sentence)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
}

customElements.define("training-compare", TrainingCompare);
