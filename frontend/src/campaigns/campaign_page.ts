// <campaign-page>: how far one campaign is, by prompt, robot and person; changed, opened, paused and closed here.
import { Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { toast } from "../toast";
import { showForm } from "./form";
import { page } from "./page_markup";
import type { CampaignDetail } from "./shapes";
import { change, list, move, one, type Plan, type Wish } from "./store";

const AGAIN_MS = 4000;

class CampaignPageElement extends HTMLElement {
  private leaving = new AbortController();
  private campaign: CampaignDetail | null = null;
  private closing = false;
  private timer = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    this.innerHTML = `<div class="banner quiet">${icon("clock")}<span>Asking the server for the campaign.</span></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal: this.leaving.signal });
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private async load(): Promise<void> {
    window.clearTimeout(this.timer);
    try {
      this.show(await one(this.url, this.leaving.signal));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      if (!this.campaign)
        this.innerHTML = `<div class="empty">${icon("warning")}<b>The campaign could not be loaded</b><p></p></div>`;
      const words = this.querySelector(".empty p");
      if (words) words.textContent = error.message;
      say(error.message);
    }
    this.timer = window.setTimeout(() => void this.load(), AGAIN_MS);
  }

  private show(campaign: CampaignDetail): void {
    const news = JSON.stringify(campaign) !== JSON.stringify(this.campaign);
    this.campaign = campaign;
    if (news) this.draw();
  }

  /** Keeps the focus where it was: the counts change under it. */
  private draw(): void {
    if (!this.campaign) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.do : undefined;
    this.innerHTML = page(this.campaign, new Date(), this.closing);
    if (focused) this.querySelector<HTMLElement>(`[data-do="${focused}"]`)?.focus();
  }

  private pressed(event: Event): void {
    const act =
      event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]")?.dataset.do : undefined;
    if (act === "open" || act === "paused" || act === "closed") void this.move(act);
    if (act === "close" || act === "keep") {
      this.closing = act === "close";
      this.draw();
    }
    if (act === "edit") void this.edit();
  }

  private async move(state: Wish): Promise<void> {
    const { campaign } = this;
    if (!campaign) return;
    this.closing = false;
    try {
      this.show(await move(this.url, campaign.version, state));
      toast(`The campaign is ${state}.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err" });
      await this.load();
    }
    this.draw();
  }

  private async edit(): Promise<void> {
    const { sites } = await list("/api/campaigns", this.leaving.signal);
    const campaign = await one(this.url, this.leaving.signal);
    showForm(
      sites.filter((site) => site.id === campaign.site.id),
      campaign,
      { save: async (_site: number, plan: Plan) => this.show(await change(this.url, campaign.version, plan)) },
    );
  }
}

customElements.define("campaign-page", CampaignPageElement);
