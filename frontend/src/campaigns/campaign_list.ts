// <campaign-list>: the campaigns one may see, those under way first; new ones are planned here.
import { Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { count, safe } from "../text";
import { toast } from "../toast";
import { showForm } from "./form";
import type { CampaignPage, CampaignRow, CampaignState } from "./shapes";
import { list, make, move, type Plan } from "./store";
import { day, foretold, progress, rate, stateChip } from "./words";

const AGAIN_MS = 5000;
const ORDER: readonly CampaignState[] = ["open", "paused", "draft", "done", "closed"];
const SHOWN: Readonly<Record<string, readonly CampaignState[]>> = {
  "under way": ["open", "paused", "draft"],
  done: ["done"],
  closed: ["closed"],
};

class CampaignList extends HTMLElement {
  private leaving = new AbortController();
  private page: CampaignPage | null = null;
  private shown = "under way";
  private timer = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    this.innerHTML = `<div class="head"><h1>Campaigns</h1><span class="sp"></span><span data-part="new"></span></div><div class="row wrap strip" data-part="strip"></div><div data-part="body"><div class="banner quiet">${icon("clock")}<span>Asking the server for the campaigns.</span></div></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal: this.leaving.signal });
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
  }

  private get url(): string {
    return this.dataset.url ?? "/api/campaigns";
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private async load(): Promise<void> {
    window.clearTimeout(this.timer);
    try {
      const page = await list(this.url, this.leaving.signal);
      const news = JSON.stringify(page) !== JSON.stringify(this.page);
      this.page = page;
      if (news) this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.page = null;
      this.at("body").innerHTML =
        `<div class="empty">${icon("warning")}<b>The campaigns could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      say(error.message);
    }
    this.timer = window.setTimeout(() => void this.load(), AGAIN_MS);
  }

  private draw(): void {
    const { page } = this;
    if (!page) return;
    const plans = page.sites.length > 0;
    this.at("new").innerHTML =
      plans && page.items.length > 0
        ? `<button class="btn pri" type="button" data-do="new">${icon("plus")}New campaign</button>`
        : "";
    this.at("strip").hidden = page.items.length === 0;
    this.at("strip").innerHTML = this.strip(page.items);
    const chosen = page.items.filter((one) => SHOWN[this.shown]?.includes(one.state));
    const sorted = [...chosen].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    this.at("body").innerHTML =
      page.items.length === 0
        ? noneAtAll(plans)
        : chosen.length === 0
          ? noneHere(this.shown)
          : table(sorted, new Date());
  }

  private strip(items: readonly CampaignRow[]): string {
    const chips = Object.entries(SHOWN).map(([name, states]) => {
      const n = items.filter((one) => states.includes(one.state)).length;
      const on = name === this.shown;
      return `<button type="button" class="chip pickable ${on ? "acc" : ""}" aria-pressed="${on}" data-do="show" data-show="${name}">${name} ${n}</button>`;
    });
    return `${chips.join("")}<span class="sp muted s11">${count(items.length, "campaign")}</span>`;
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const act = button?.dataset.do;
    if (act === "retry") void this.load();
    if (act === "show") {
      this.shown = button?.dataset.show ?? this.shown;
      this.draw();
    }
    if (act === "new" && this.page)
      showForm(this.page.sites, null, { save: (site, plan, open) => this.save(site, plan, open) });
  }

  /** What was kept as a draft stays one when it cannot be opened; the sentence says why. */
  private async save(site: number, plan: Plan, open: boolean): Promise<void> {
    const made = await make(this.url, site, plan);
    let sentence = `${made.name} is a draft.`;
    if (open) {
      try {
        await move(`${this.url}/${made.id}`, made.version, "open");
        sentence = `${made.name} is open. It can be chosen in the cockpit of its robots.`;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        toast(error.message, { kind: "warn", strong: "Kept as a draft." });
        sentence = "";
      }
    }
    if (sentence) toast(sentence);
    await this.load();
  }
}

function table(items: readonly CampaignRow[], now: Date): string {
  return `<section class="panel tblwrap"><table class="tbl"><thead><tr><th>Campaign</th><th>State</th><th class="cp-bar">Takes</th><th>Last day</th><th>At this rate</th><th class="n hide-s">Rate</th><th class="hide-s">Robots</th><th class="hide-s">Site</th></tr></thead><tbody>${items.map((one) => line(one, now)).join("")}</tbody></table></section>`;
}

function line(c: CampaignRow, now: Date): string {
  const when = foretold(c, now);
  const robots = c.robots.map((robot) => robot.name).join(", ");
  return `<tr><td><a class="b ink" href="${safe(c.url)}">${safe(c.name)}</a></td><td>${stateChip(c.state)}</td><td class="cp-bar">${progress(c.have, c.goal, `Takes of ${c.name}`)}</td><td class="nw">${c.due ? day(c.due, now) : '<span class="muted">none</span>'}</td><td><span class="row ${when.look}">${icon(when.icon)}${safe(when.words)}</span></td><td class="n hide-s">${rate(c)}</td><td class="hide-s el cp-robots" title="${safe(robots)}">${safe(robots) || '<span class="muted">none</span>'}</td><td class="hide-s nw">${safe(c.site.name)}</td></tr>`;
}

function noneAtAll(plans: boolean): string {
  const what = plans
    ? '<p>Say what shall be recorded, how often and by when. Operators choose it in the cockpit and record one take after the other.</p><button class="btn pri" type="button" data-do="new">New campaign</button>'
    : "<p>An engineer or an administrator plans them. An open one can be chosen in the cockpit.</p>";
  return `<div class="empty">${icon("flag")}<b>No campaign yet</b>${what}</div>`;
}

function noneHere(shown: string): string {
  return `<div class="empty">${icon("search")}<b>No campaign is ${shown}</b></div>`;
}

customElements.define("campaign-list", CampaignList);
