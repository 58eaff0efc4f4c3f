// The element with a live list whose other end is the test.
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket, lease, row, state } from "../fakes";

vi.stubGlobal("WebSocket", FakeSocket);
document.documentElement.dataset.me = "p1";
await import("../../src/base/remote_stop");
await import("../../src/fleet/robot_fleet");

document.body.innerHTML = '<remote-stop></remote-stop><robot-fleet may-add></robot-fleet><div class="toasts"></div>';
const socket = FakeSocket.last;
const page = document.querySelector("robot-fleet") as HTMLElement;
const stop = document.querySelector("remote-stop") as HTMLElement;
let n = 0;

function rows(list: ReturnType<typeof row>[], all = false, gone: string[] = []): void {
  n += 1;
  socket.say({ type: "rows", n, all, rows: list, gone });
}

const names = (): string[] => [...page.querySelectorAll(".card [data-p=name]")].map((e) => e.textContent ?? "");
const text = (part: string): string => page.querySelector(`[data-part="${part}"]`)?.textContent ?? "";

beforeEach(() => {
  if (socket.readyState === 0) socket.accept();
  rows([row(), row({ id: "r2", name: "kestrel-2" })], true);
});
afterAll(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
});

describe("<robot-fleet>", () => {
  it("opens one socket for the whole page and acknowledges each list", () => {
    expect(FakeSocket.made).toHaveLength(1);
    expect(socket.sent.at(-1)).toEqual({ v: 1, type: "ack", n });
  });

  it("shows changes without a reload, need first", () => {
    expect(names()).toEqual(["kestrel-1", "kestrel-2"]);
    rows([row({ id: "r2", name: "kestrel-2", state: state({ reason: "DEADMAN" }) })]);
    expect(names()).toEqual(["kestrel-2", "kestrel-1"]);
    expect(page.querySelector('.card[data-robot="r2"] .mode')?.textContent).toContain("HOLD");
    expect(page.querySelector('.card[data-robot="r2"] a')?.getAttribute("href")).toBe("/teleop/r2/");
  });

  it("says who drives in card and table", () => {
    rows([row({ state: state({ mode: "TELEOP", reason: "GRANTED", lease: lease({ person: "p2", name: "Jonas" }) }) })]);
    expect(page.querySelectorAll('[data-robot="r1"] [data-p=held]')[1]?.textContent).toBe("Jonas");
    expect(page.querySelector('.card[data-robot="r1"] [data-p=held]')?.textContent).toBe("held by Jonas");
  });

  it("keeps the element of a robot, so that focus and picture stay", () => {
    const before = page.querySelector('.card[data-robot="r1"]');
    rows([row({ state: state({ reason: "DEADMAN" }) })]);
    expect(page.querySelector('.card[data-robot="r1"]')).toBe(before);
  });

  it("drops a robot that is gone and says what to do when none is left", () => {
    rows([], false, ["r2"]);
    expect(names()).toEqual(["kestrel-1"]);
    rows([], false, ["r1"]);
    expect(text("empty")).toContain("No robot yet");
    expect(page.querySelector('[data-part="empty"] a')?.getAttribute("href")).toBe("/robots/new/");
  });

  it("searches and says when nothing matches", () => {
    const search = page.querySelector("input") as HTMLInputElement;
    search.value = "kestrel-2";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    expect(names()).toEqual(["kestrel-2"]);
    search.value = "zebra";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    expect(text("empty")).toContain("No robot matches “zebra”");
    page.querySelector<HTMLElement>('[data-do="clear"]')?.click();
    expect(names()).toHaveLength(2);
  });

  it("stops every robot with one press and tells the truth about each", () => {
    stop.querySelector<HTMLElement>(".stop")?.click();
    expect(socket.sent.at(-1)).toEqual({ v: 1, type: "stop_robots", robots: [] });
    expect(stop.querySelector(".stop")?.textContent).toContain("Stopping");
    const one = { robot: "r1", name: "kestrel-1", state: "acknowledged" };
    socket.say({
      type: "stop_report",
      robots: [one, { robot: "r2", name: "kestrel-2", state: "unreachable", last_seen_s: 12 }],
    });
    expect(stop.querySelector(".stop")?.textContent).toContain("Stopped1 of 2");
    expect(stop.querySelector(".stop-report")?.textContent).toContain("kestrel-2 did not answer. Last seen 12 s ago.");
    expect(document.getElementById("alarm")?.textContent).toBe("Stopped 1 of 2.");
    stop.querySelector<HTMLElement>("[data-close]")?.click();
    expect(stop.querySelector(".stop")?.textContent).toContain("Remote stop");
  });

  it("stops by backquote, but not while somebody writes", () => {
    const before = socket.sent.length;
    const press = (where: Element): boolean =>
      where.dispatchEvent(
        new KeyboardEvent("keydown", { key: "`", code: "Backquote", bubbles: true, cancelable: true }),
      );
    press(page.querySelector("input") as Element);
    expect(socket.sent).toHaveLength(before);
    press(document.body);
    expect(socket.sent.at(-1)?.type).toBe("stop_robots");
  });

  it("says that the server is lost, and that a stop then reached nobody", () => {
    socket.break();
    expect(text("banner")).toContain("Server not reached");
    expect(page.querySelector(".card .cam")?.classList.contains("stale")).toBe(true);
    stop.querySelector<HTMLElement>(".stop")?.click();
    expect(document.querySelector(".toast")?.textContent).toContain("Not stopped.");
  });
});
