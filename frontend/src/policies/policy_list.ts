// <policy-list>: the versions of policies, newest first, by stage; importing one.
import { when } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { type PolicyRow, STAGES, type Stage } from "../policy/shapes";
import { stageChip } from "../policy/words";
import { bytes, count, safe } from "../text";
import { askForPolicy } from "./bring";

class PolicyList extends HTMLElement {
  private leaving = new AbortController();
  private rows: PolicyRow[] = [];
  private stage: Stage | "" = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="head"><h1>Policies</h1><span class="muted s11" data-part="total"></span><span class="seg" role="group" aria-label="Stage" data-part="stages"></span><span class="sp"></span><a class="btn" href="/trainings/?new=1">${icon("plus")}Train</a><button type="button" class="btn" data-do="import">Import<kbd>I</kbd></button></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the policies.</span></div></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    bindKeys({ i: () => askForPolicy() }, signal);
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private async load(): Promise<void> {
    try {
      this.rows = await call<PolicyRow[]>("GET", this.dataset.url ?? "", undefined, this.leaving.signal);
      this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("body").innerHTML =
        `<div class="empty">${icon("warning")}<b>The policies could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      say(error.message);
    }
  }

  private draw(): void {
    const there = STAGES.filter((stage) => this.rows.some((row) => row.stage === stage));
    this.at("total").textContent = this.rows.length ? count(this.rows.length, "version") : "";
    this.at("stages").innerHTML =
      there.length > 1
        ? ["", ...there]
            .map(
              (stage) =>
                `<button type="button" data-do="stage" data-stage="${stage}" aria-pressed="${stage === this.stage}">${stage || "all"}</button>`,
            )
            .join("")
        : "";
    const shown = this.rows.filter((row) => !this.stage || row.stage === this.stage);
    this.at("body").innerHTML = shown.length ? table(shown) : none();
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (button?.dataset.do === "retry") void this.load();
    if (button?.dataset.do === "import") askForPolicy();
    if (button?.dataset.do === "stage") {
      this.stage = (button.dataset.stage ?? "") as Stage | "";
      this.draw();
    }
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function table(rows: readonly PolicyRow[]): string {
  const lines = rows.map((row) => {
    const from = row.dataset || (row.base ? `from ${row.base}` : "brought in");
    const doubt = row.calibrated ? '<span class="ok">calibrated</span>' : '<span class="muted">not calibrated</span>';
    const warning = row.withdrawn_reason
      ? `<br><span class="s11 err">Withdrawn: ${safe(row.withdrawn_reason)}</span>`
      : "";
    return `<tr><td class="nw">${stageChip(row)}</td><td class="why"><a class="b ink" href="${safe(row.url)}">${safe(row.shown)}</a>${warning}</td><td>${safe(row.skills.join(", ")) || '<span class="muted">no skill is named</span>'}<br><span class="s11 muted">${safe(row.things.slice(0, 5).join(", "))}${row.things.length > 5 ? ` and ${row.things.length - 5} more` : ""}</span></td><td class="hide-s">${safe(row.robots.join(", "))}</td><td class="hide-s">${safe(from)}${row.dataset && row.base ? `<br><span class="s11 muted">from ${safe(row.base)}</span>` : ""}</td><td class="n hide-s">${(row.parameters / 1e6).toFixed(2)} M<br><span class="s11 muted">${bytes(row.size_bytes)}</span></td><td class="nw hide-s">${doubt}</td><td class="nw t2">${safe(row.made_by)}<br><span class="s11 muted">${when(row.made_at)}</span></td></tr>`;
  });
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th>Stage</th><th>Policy</th><th>Knows</th><th class="hide-s">Drives</th><th class="hide-s">Comes from</th><th class="n hide-s">Weights</th><th class="hide-s">Doubt</th><th>Made by</th></tr></thead><tbody>${lines.join("")}</tbody></table></section>`;
}

function none(): string {
  return `<div class="empty">${icon("policy")}<b>No policy yet</b><p>Train one on a dataset version, or import the folder of one.</p><a class="btn pri" href="/trainings/?new=1">Train</a><button type="button" class="btn" data-do="import">Import</button></div>`;
}

customElements.define("policy-list", PolicyList);
