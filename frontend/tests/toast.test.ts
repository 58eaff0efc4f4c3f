import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toast } from "../src/toast";

beforeEach(() => {
  vi.useFakeTimers();
  document.body.innerHTML = '<div class="toasts"></div>';
});
afterEach(() => vi.useRealTimers());

const shown = (): number => document.querySelectorAll(".toast").length;

describe("toasts", () => {
  it("leave after 8 s, after 20 s with an action, errors never", () => {
    toast("Saved.");
    toast("Removed.", { action: { label: "Undo", run: () => undefined } });
    toast("Upload stopped.", { kind: "err" });
    vi.advanceTimersByTime(8000);
    expect(shown()).toBe(2);
    vi.advanceTimersByTime(12_000);
    expect(shown()).toBe(1);
    vi.advanceTimersByTime(3_600_000);
    expect(document.querySelector(".toast")?.getAttribute("role")).toBe("alert");
  });

  it("run their action once and are gone", () => {
    const run = vi.fn();
    const gone = vi.fn();
    toast("Removed.", { action: { label: "Undo", key: "U", run }, onGone: gone });
    document.querySelector<HTMLButtonElement>('[data-key="u"]')?.click();
    vi.advanceTimersByTime(60_000);
    expect(run).toHaveBeenCalledOnce();
    expect(gone).not.toHaveBeenCalled();
    expect(shown()).toBe(0);
  });

  it("tell when they left without their action", () => {
    const gone = vi.fn();
    toast("Removed.", { action: { label: "Undo", run: () => undefined }, onGone: gone });
    vi.advanceTimersByTime(20_000);
    expect(gone).toHaveBeenCalledOnce();
  });

  it("write names as text", () => {
    toast("<b>x</b>", { strong: "<i>" });
    expect(document.querySelector(".toast .grow")?.textContent).toBe("<i> <b>x</b>");
  });
});
