import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bindKeys, isTextField, keyName } from "../src/keys";

function key(init: KeyboardEventInit): KeyboardEvent {
  return new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
}

let bound = new AbortController();
beforeEach(() => {
  bound = new AbortController();
  document.body.innerHTML =
    '<input id="t"><input id="c" type="checkbox"><textarea id="a"></textarea><button id="b">x</button>';
});
afterEach(() => bound.abort());

describe("key names", () => {
  it("names letters, arrows and their modifiers", () => {
    expect(keyName(key({ key: "J" }))).toBe("j");
    expect(keyName(key({ key: "ArrowLeft", shiftKey: true }))).toBe("Shift+ArrowLeft");
    expect(keyName(key({ key: "ArrowLeft", ctrlKey: true }))).toBe("Ctrl+ArrowLeft");
    expect(keyName(key({ key: " ", code: "Space" }))).toBe("Space");
  });

  it("takes a sign as it is written, however the keyboard makes it", () => {
    expect(keyName(key({ key: "?", shiftKey: true }))).toBe("?");
    expect(keyName(key({ key: "Dead", code: "Backquote" }))).toBe("Backquote");
  });
});

describe("bindings", () => {
  it("act everywhere but in text fields", () => {
    const act = vi.fn();
    bindKeys({ j: act }, bound.signal);
    document.body.dispatchEvent(key({ key: "j" }));
    document.getElementById("c")?.dispatchEvent(key({ key: "j" }));
    expect(act).toHaveBeenCalledTimes(2);
    for (const id of ["t", "a"]) document.getElementById(id)?.dispatchEvent(key({ key: "j" }));
    expect(act).toHaveBeenCalledTimes(2);
  });

  it("leave Space to a focused button and unknown keys to the browser", () => {
    const act = vi.fn();
    bindKeys({ Space: act }, bound.signal);
    document.getElementById("b")?.dispatchEvent(key({ key: " ", code: "Space" }));
    const other = key({ key: "q" });
    document.body.dispatchEvent(other);
    expect(act).not.toHaveBeenCalled();
    expect(other.defaultPrevented).toBe(false);
    const space = key({ key: " ", code: "Space" });
    document.body.dispatchEvent(space);
    expect(act).toHaveBeenCalledOnce();
    expect(space.defaultPrevented).toBe(true);
  });

  it("do not confuse a plain key with Ctrl and the same key", () => {
    const act = vi.fn();
    bindKeys({ x: act }, bound.signal);
    document.body.dispatchEvent(key({ key: "x", ctrlKey: true }));
    expect(act).not.toHaveBeenCalled();
  });

  it("rest under an open dialog, but for the remote stop", () => {
    const [act, stop] = [vi.fn(), vi.fn()];
    bindKeys({ Delete: act, Backquote: stop }, bound.signal);
    const dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.innerHTML = "<button>Close</button>";
    dialog.showModal();
    const pressed = key({ key: "Delete" });
    dialog.querySelector("button")?.dispatchEvent(pressed);
    document.body.dispatchEvent(key({ key: "Delete" }));
    expect(act).not.toHaveBeenCalled();
    expect(pressed.defaultPrevented).toBe(false);
    document.body.dispatchEvent(key({ key: "`", code: "Backquote" }));
    expect(stop).toHaveBeenCalledOnce();
    dialog.close();
    document.body.dispatchEvent(key({ key: "Delete" }));
    expect(act).toHaveBeenCalledOnce();
  });

  it("end with their signal", () => {
    const act = vi.fn();
    bindKeys({ j: act }, bound.signal);
    bound.abort();
    document.body.dispatchEvent(key({ key: "j" }));
    expect(act).not.toHaveBeenCalled();
  });

  it("know a text field", () => {
    expect(isTextField(document.getElementById("t"))).toBe(true);
    expect(isTextField(document.getElementById("c"))).toBe(false);
    expect(isTextField(null)).toBe(false);
  });
});
