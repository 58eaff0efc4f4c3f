// Toasts: what happened and at most one action, bottom left. Errors stay until closed; the rest leave by themselves.
import { type IconName, iconElement } from "./icons";

export type ToastKind = "ok" | "warn" | "err";

export interface ToastOptions {
  kind?: ToastKind;
  /** Bold beginning. */
  strong?: string;
  action?: { label: string; key?: string; run(): void };
  /** Milliseconds; default 8 s, 20 s with an action, never for errors. */
  lifeMs?: number;
  /** Called once when it leaves without its action having been run. */
  onGone?(): void;
}

const ICONS: Record<ToastKind, IconName> = { ok: "check", warn: "warning", err: "cross" };

function place(): HTMLElement {
  const found = document.querySelector<HTMLElement>(".toasts");
  if (found) return found;
  const made = document.createElement("div");
  made.className = "toasts";
  document.body.append(made);
  return made;
}

function actionButton(action: NonNullable<ToastOptions["action"]>, leave: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = action.label;
  if (action.key) {
    const key = document.createElement("kbd");
    key.textContent = action.key;
    button.append(key);
    button.setAttribute("aria-keyshortcuts", action.key);
    button.dataset.key = action.key.toLowerCase();
  }
  button.addEventListener("click", () => {
    leave();
    action.run();
  });
  return button;
}

function closeButton(leave: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn quiet ico";
  button.setAttribute("aria-label", "Close");
  button.append(iconElement("cross"));
  button.addEventListener("click", leave);
  return button;
}

/** Shows a toast; the returned function takes it away. */
export function toast(text: string, options: ToastOptions = {}): () => void {
  const kind = options.kind ?? "ok";
  const box = document.createElement("div");
  box.className = "toast";
  box.setAttribute("role", kind === "err" ? "alert" : "status");
  const words = document.createElement("span");
  words.className = "grow";
  if (options.strong) {
    const strong = document.createElement("b");
    strong.textContent = `${options.strong} `;
    words.append(strong);
  }
  words.append(text);
  box.append(iconElement(ICONS[kind], kind), words);

  let timer = 0;
  const remove = (): boolean => {
    window.clearTimeout(timer);
    const there = box.isConnected;
    box.remove();
    return there;
  };
  const leave = (): void => {
    if (remove()) options.onGone?.();
  };
  if (options.action) box.append(actionButton(options.action, remove));
  else box.append(closeButton(leave));
  place().append(box);
  const life = options.lifeMs ?? (kind === "err" ? 0 : options.action ? 20_000 : 8000);
  if (life > 0) timer = window.setTimeout(leave, life);
  return leave;
}
