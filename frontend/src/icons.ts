// The icons of the project: small outlines on a 14 by 14 field, drawn with the text's colour. Shapes only; meaning comes from the words beside.

const SHAPES = {
  down: '<path d="M3.5 5.5L7 9l3.5-3.5"/>',
  up: '<path d="M3.5 8.5L7 5l3.5 3.5"/>',
  right: '<path d="M5.5 3.5L9 7l-3.5 3.5"/>',
  lock: '<rect x="3" y="6.2" width="8" height="5.8" rx="1"/><path d="M4.7 6V4.2a2.3 2.3 0 014.6 0V6"/>',
  link: '<path d="M1.5 5.5a8 8 0 0111 0M3.6 8a5 5 0 016.8 0M7 10.7v.1"/>',
  stop: '<path d="M5 1.5h4L12.5 5v4L9 12.5H5L1.5 9V5z"/><path d="M4.6 7h4.8"/>',
  policy:
    '<circle cx="7" cy="7" r="2"/><circle cx="2.8" cy="3.2" r="1.2"/><circle cx="11.2" cy="3.2" r="1.2"/><circle cx="2.8" cy="10.8" r="1.2"/><circle cx="11.2" cy="10.8" r="1.2"/><path d="M3.7 4l1.8 1.6M10.3 4L8.5 5.6M3.7 10l1.8-1.6M10.3 10L8.5 8.4"/>',
  clock: '<circle cx="7" cy="7" r="5.3"/><path d="M7 4v3.2l2 1.3"/>',
  hand: '<path d="M4 7.2V3.6a.9.9 0 011.8 0v3M5.8 6.4V2.7a.9.9 0 011.8 0v3.6M7.6 6.4V3.4a.9.9 0 011.8 0v4M9.4 7V5.3a.9.9 0 011.8 0v3.4c0 2.2-1.5 3.6-3.6 3.6-1.9 0-2.7-.8-3.6-2.2L2.4 8a.95.95 0 011.6-1z"/>',
  battery: '<path d="M2 4.5h8v5H2zM10 6h1.6v2H10z"/><path d="M6.5 5.3L4.8 7h2.4L5.6 8.8"/>',
  cross: '<path d="M3.5 3.5l7 7M10.5 3.5l-7 7"/>',
  check: '<path d="M2.5 7.5l3 3 6-7"/>',
  film: '<rect x="1.7" y="2.8" width="10.6" height="8.4" rx="1"/><path d="M4.3 2.8v8.4M9.7 2.8v8.4M1.7 7h12"/>',
  play: '<path d="M4 2.5v9l7-4.5z"/>',
  pause: '<path d="M4.5 2.5v9M9.5 2.5v9"/>',
  first: '<path d="M11 2.8v8.4L5 7zM3 2.8v8.4"/>',
  last: '<path d="M3 2.8v8.4L9 7zM11 2.8v8.4"/>',
  loop: '<path d="M4.2 3.5h5.3a2.5 2.5 0 012.5 2.5v.6M9.8 10.5H4.5A2.5 2.5 0 012 8v-.6"/><path d="M5.9 1.6L4 3.5l1.9 1.9M8.1 8.6l1.9 1.9-1.9 1.9"/>',
  box: '<path d="M2 4.6V2h2.6M9.4 2H12v2.6M12 9.4V12H9.4M4.6 12H2V9.4"/><circle cx="7" cy="7" r="1"/>',
  place: '<path d="M7 12.5S3 8.6 3 5.6a4 4 0 118 0c0 3-4 6.9-4 6.9z"/><circle cx="7" cy="5.5" r="1.3"/>',
  back: '<path d="M4.8 2.5L2 5.3l2.8 2.8M2.2 5.3h6a3.2 3.2 0 010 6.4H6"/>',
  question: '<circle cx="7" cy="7" r="5.3"/><path d="M5.4 5.4a1.6 1.6 0 113 .7c-.5.7-1.4.8-1.4 1.7M7 9.9v.1"/>',
  warning: '<path d="M7 1.8l5.6 10H1.4z"/><path d="M7 5.6v3M7 10.3v.1"/>',
  camera: '<rect x="1.5" y="4" width="8" height="6.5" rx="1"/><path d="M9.5 6.4l3-1.6v5l-3-1.6"/>',
  shield: '<path d="M7 1.5l4.6 1.7v3.5c0 2.8-1.9 4.9-4.6 5.8-2.7-.9-4.6-3-4.6-5.8V3.2z"/>',
  search: '<circle cx="6" cy="6" r="3.9"/><path d="M9 9l3.2 3.2"/>',
  person: '<circle cx="7" cy="4.4" r="2.4"/><path d="M2.2 12.3c.5-2.8 2.4-4 4.8-4s4.3 1.2 4.8 4"/>',
  arm: '<path d="M2 12.3h6M5 12.3V9.2M5 9.2L3.2 5.4l5-3 2.6 2.4v2.4"/><circle cx="5" cy="9" r="1"/><circle cx="3.2" cy="5.4" r="1"/><circle cx="8.2" cy="2.6" r="1"/><path d="M9.6 9V7.2h2.4V9"/>',
  plot: '<path d="M1.8 2v10h10.4"/><path d="M3.6 4c1 4 3 5.4 8 5.6"/>',
  grid: '<path d="M2 2h4v4H2zM8 2h4v4H8zM2 8h4v4H2zM8 8h4v4H8z"/>',
  list: '<path d="M2 3.5h10M2 7h10M2 10.5h10"/>',
  sun: '<circle cx="7" cy="7" r="2"/><path d="M7 1.6v1.8M7 10.6v1.8M1.6 7h1.8M10.6 7h1.8M3.2 3.2l1.3 1.3M9.5 9.5l1.3 1.3M10.8 3.2L9.5 4.5M4.5 9.5l-1.3 1.3"/>',
  plus: '<path d="M7 2.5v9M2.5 7h9"/>',
  flag: '<path d="M3 12.5v-11M3 2.2h7.6L9 5l1.6 2.8H3"/>',
  copy: '<rect x="4.5" y="4.5" width="7.5" height="7.5" rx="1"/><path d="M9.5 4.5V3a1 1 0 00-1-1H3a1 1 0 00-1 1v5.5a1 1 0 001 1h1.5"/>',
  bin: '<path d="M2.5 3.8h9M5.5 3.8V2.3h3v1.5M3.6 3.8l.5 8h5.8l.5-8M5.8 6.2v3.4M8.2 6.2v3.4"/>',
  download: '<path d="M7 2v6.5M4.2 6L7 8.8 9.8 6M2.5 11.8h9"/>',
  pen: '<path d="M2.3 11.7l.6-2.6 6.6-6.6 2 2-6.6 6.6z"/>',
  key: '<circle cx="4.4" cy="9.6" r="2.4"/><path d="M6.2 7.8L11.6 2.4M9.4 4.6l1.8 1.8"/>',
  out: '<path d="M5.5 2H3a1 1 0 00-1 1v8a1 1 0 001 1h2.5M8.5 4l3 3-3 3M11.5 7H5.5"/>',
  keyboard:
    '<rect x="1.2" y="3.6" width="11.6" height="6.8" rx="1"/><path d="M3.6 6h.1M6 6h.1M8.4 6h.1M10.6 6h.1M4.4 8.2h5.2"/>',
} as const;

export type IconName = keyof typeof SHAPES;

/** Markup of an icon, hidden from assistive tools; `extra` adds classes such as "ok" or "f" (filled). */
export function icon(name: IconName, extra = ""): string {
  return `<svg class="i ${extra}" viewBox="0 0 14 14" aria-hidden="true">${SHAPES[name]}</svg>`;
}

/** An icon as an element. */
export function iconElement(name: IconName, extra = ""): SVGSVGElement {
  const holder = document.createElement("template");
  holder.innerHTML = icon(name, extra);
  return holder.content.firstElementChild as SVGSVGElement;
}
