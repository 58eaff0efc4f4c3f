// The narrow rail with the robots one may see, those that need somebody first. Its order changes only while the pointer is elsewhere.
import { type FleetFeed, fleetFeed } from "../../fleet_feed";
import type { RobotRow } from "../../generated/protocol";
import { icon } from "../../icons";
import { chipOf } from "../../mode";
import { safe } from "../../text";

const TONE: Readonly<Record<string, string>> = {
  human: "acc",
  auto: "pol",
  hold: "warn",
  asked: "warn",
  stop: "halted",
  off: "muted",
};
const RANK: Readonly<Record<string, number>> = {
  stop: 0,
  asked: 1,
  hold: 2,
  human: 3,
  auto: 4,
  idle: 5,
  paused: 5,
  align: 3,
  charge: 6,
  off: 7,
};

function rank(row: RobotRow): number {
  return RANK[chipOf({ online: row.online, state: row.state }).look] ?? 8;
}

function item(row: RobotRow, here: string, me: string): string {
  const chip = chipOf({ online: row.online, state: row.state, me });
  const tone = TONE[chip.look] ?? "";
  const words = chip.look === "human" ? chip.small : chip.look === "stop" ? "stopped" : chip.word.toLowerCase();
  const now = row.id === here ? ' aria-current="page"' : "";
  return `<a class="mini" href="/teleop/${safe(row.id)}/"${now} title="${safe(row.name)}, ${safe(chip.word)}"><span class="${tone}">${icon(chip.icon)}</span><b>${safe(row.name)}</b><span class="${tone}">${safe(words)}</span></a>`;
}

export class Rail {
  private readonly feed: FleetFeed = fleetFeed();
  private order: string[] = [];
  private over = false;
  private html = "";

  constructor(
    private readonly part: HTMLElement,
    private readonly robot: string,
    signal: AbortSignal,
  ) {
    part.addEventListener("pointerenter", () => this.hover(true), { signal });
    part.addEventListener("pointerleave", () => this.hover(false), { signal });
    this.feed.on("rows", () => this.render(), signal);
  }

  get row(): RobotRow | undefined {
    return this.feed.rows.get(this.robot);
  }

  private hover(over: boolean): void {
    this.over = over;
    this.render();
  }

  private render(): void {
    const rows = [...this.feed.rows.values()];
    if (!this.over || this.order.length !== rows.length)
      this.order = rows.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)).map((row) => row.id);
    const me = document.documentElement.dataset.me ?? "";
    const html = this.order.flatMap((id) => item(this.feed.rows.get(id) as RobotRow, this.robot, me)).join("");
    if (html === this.html) return;
    this.html = html;
    this.part.innerHTML = html;
  }
}
