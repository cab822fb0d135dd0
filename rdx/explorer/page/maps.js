// The maps: A and B side by side, or one that passes from A to B; linked by what is pointed at and chosen.

const panels = new Map(); // "a", "b" or "passage" → the map's elements and pixels
let hovered = -1;
let drag = null;
let tool = "box";
let dirty = false;
let playing = null;

const levels = new Uint8Array(N);
let drawn = null; // classes, looks and order of the dots as they are

const PLAY_SECONDS = 1.6;
const RINGS = { light: ["#111111", "#ffffff"], dark: ["#ffffff", "#111111"] };

function buildMaps() {
  for (const side of ["a", "b", "passage"]) {
    const canvas = make("canvas", { class: "dots", "aria-hidden": "true" });
    const overlay = make("canvas", { class: "over", role: "img", tabindex: "0", id: `map-${side}` });
    const caption = make("figcaption");
    const note = make("p", { class: "map-note" });
    const frame = make("div", { class: "frame" }, canvas, overlay);
    const figure = make("figure", { class: `map ${side}` }, caption, frame, note);
    const panel = { side, figure, caption, note, frame, overlay, plot: new Plot(canvas), over: overlay.getContext("2d"),
      xs: new Float32Array(N), ys: new Float32Array(N), ratio: 1 };
    panels.set(side, panel);
    byId("figures").append(figure);
    overlay.addEventListener("pointermove", (event) => onMove(panel, event));
    overlay.addEventListener("pointerleave", () => !drag && hover(-1));
    overlay.addEventListener("pointerdown", (event) => onDown(panel, event));
    overlay.addEventListener("pointerup", (event) => onUp(panel, event));
    overlay.addEventListener("pointercancel", () => endDrag());
    overlay.addEventListener("wheel", (event) => onWheel(panel, event), { passive: false });
    overlay.addEventListener("keydown", (event) => onMapKey(event));
  }
  new ResizeObserver(redraw).observe(byId("figures"));
}

const visiblePanels = () => (state.layout === "pair" ? ["a", "b"] : ["passage"]).map((side) => panels.get(side));

// Asks for a new picture at the next frame, whatever changed.
function redraw() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(() => {
    dirty = false;
    drawMaps();
  });
}

const dotRadius = () => clamp(3.4 * (1500 / N) ** 0.3, 1.15, 5.5) * clamp(camera.zoom ** 0.25, 1, 2);

// Who stands out: the selection where there is one, else the current concept.
function prepareDots() {
  const { classes, looks } = coloring();
  const groups = labels();
  const chosen = state.selected.length ? new Uint8Array(N) : null;
  for (const item of state.selected) chosen[item] = 1;
  const focus = !chosen && state.concept ? state.concept : 0;
  const ground = themeColor("panel");
  const count = looks.length;
  const every = new Uint16Array(N);
  for (let i = 0; i < N; i++) {
    const stands = chosen ? chosen[i] : focus ? groups[i] === focus : !looks[classes[i]].none;
    levels[i] = stands ? 2 : looks[classes[i]].none ? 0 : 1;
    every[i] = classes[i] + (stands ? 0 : count);
  }
  const radius = dotRadius();
  const full = looks.map((look) => ({ ...look, radius, alpha: look.none && !chosen && !focus ? 0.7 : 0.9 }));
  const faint = looks.map((look) => ({
    ...look, color: look.none ? look.color : mix(look.color, ground, 0.35), radius: radius * 0.85, alpha: look.none ? 0.5 : 0.32,
  }));
  drawn = { classes: every, looks: [...full, ...faint], order: drawingOrder(levels), ground };
}

function drawMaps() {
  if (!drawn) prepareDots();
  for (const panel of panels.values()) panel.figure.hidden = !visiblePanels().includes(panel);
  for (const panel of visiblePanels()) {
    panel.ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [panel.frame.clientWidth, panel.frame.clientHeight].map((side) => Math.max(1, Math.round(side * panel.ratio)));
    panel.plot.resize(width, height);
    if (panel.overlay.width !== width || panel.overlay.height !== height) Object.assign(panel.overlay, { width, height });
    project(panel.side, eased(state.at), width, height, panel.xs, panel.ys);
    const looks = drawn.looks.map((look) => ({ ...look, radius: look.radius * panel.ratio }));
    panel.plot.draw(panel.xs, panel.ys, drawn.order, drawn.classes, looks, drawn.ground);
    drawOver(panel);
  }
}

const eased = (t) => t * t * (3 - 2 * t);

// What lies over the dots: the item with its neighbours, what is pointed at, and a box or lasso being drawn.
function drawOver(panel) {
  const { over, overlay, xs, ys, ratio } = panel;
  over.clearRect(0, 0, overlay.width, overlay.height);
  const [ink, paper] = RINGS[isDark() ? "dark" : "light"];
  if (state.item !== null) {
    for (const side of ["b", "a"]) {
      for (const { item } of neighborsIn(`near.${side}`, state.item) || []) {
        over.setLineDash(side === "b" ? [4 * ratio, 3 * ratio] : []);
        line(over, [[xs[state.item], ys[state.item]], [xs[item], ys[item]]], ink, 1.1 * ratio, 0.75);
        ring(over, xs[item], ys[item], (dotRadius() + 1.6) * ratio, ink, paper, 1.1 * ratio);
      }
    }
    over.setLineDash([]);
    ring(over, xs[state.item], ys[state.item], (dotRadius() + 4) * ratio, ink, paper, 2.4 * ratio);
  }
  if (hovered >= 0) ring(over, xs[hovered], ys[hovered], (dotRadius() + 3) * ratio, ink, paper, 1.6 * ratio);
  if (drag && drag.panel === panel && drag.path.length > 1) {
    over.setLineDash([5 * ratio, 4 * ratio]);
    line(over, [...outline(drag), outline(drag)[0]], ink, 1.4 * ratio, 1);
    over.setLineDash([]);
  }
}

function ring(over, x, y, radius, ink, paper, width) {
  for (const [color, extra] of [[paper, 2], [ink, 0]]) {
    over.beginPath();
    over.arc(x, y, radius, 0, 2 * Math.PI);
    over.strokeStyle = color;
    over.lineWidth = width + extra;
    over.stroke();
  }
}

function line(over, points, color, width, alpha) {
  over.save();
  over.globalAlpha = alpha;
  over.strokeStyle = color;
  over.lineWidth = width;
  over.beginPath();
  points.forEach(([x, y], i) => (i ? over.lineTo(x, y) : over.moveTo(x, y)));
  over.stroke();
  over.restore();
}

function pointOf(panel, event) {
  const box = panel.overlay.getBoundingClientRect();
  return [(event.clientX - box.left) * panel.ratio, (event.clientY - box.top) * panel.ratio];
}

const outline = ({ path, kind }) => {
  const [[x, y], [u, v]] = [path[0], path[path.length - 1]];
  return kind === "box" ? [[x, y], [u, y], [u, v], [x, v]] : path;
};

function onMove(panel, event) {
  const point = pointOf(panel, event);
  if (!drag) {
    hover(nearestDot(panel.xs, panel.ys, ...point, 9 * panel.ratio, levels), event);
    return;
  }
  const [x, y] = drag.path[drag.path.length - 1];
  if (drag.kind === "move") {
    const { scale } = windowOf(panel.overlay.width, panel.overlay.height);
    camera.x -= (point[0] - x) / scale;
    camera.y += (point[1] - y) / scale;
    drag.moved += Math.hypot(point[0] - x, point[1] - y);
    drag.path = [point];
    redraw();
  } else if (Math.hypot(point[0] - x, point[1] - y) > 2) {
    drag.path.push(point);
    drawOver(panel);
  }
}

function onDown(panel, event) {
  if (event.button !== 0) return;
  panel.overlay.setPointerCapture(event.pointerId);
  drag = { panel, kind: event.shiftKey ? "lasso" : tool, path: [pointOf(panel, event)], moved: 0, add: event.ctrlKey || event.metaKey };
}

function onUp(panel, event) {
  if (!drag) return;
  const done = drag;
  endDrag();
  const [[x, y], [u, v]] = [done.path[0], pointOf(panel, event)];
  const wide = Math.max(done.moved, Math.hypot(u - x, v - y), done.kind === "lasso" ? done.path.length : 0) > 6 * panel.ratio;
  if (!wide) {
    const item = nearestDot(panel.xs, panel.ys, u, v, 9 * panel.ratio, levels);
    change({ item: item < 0 || item === state.item ? null : item });
  } else if (done.kind !== "move") {
    const found = dotsInside(panel.xs, panel.ys, outline({ ...done, path: [...done.path, [u, v]] }));
    change({ selected: done.add ? [...new Set([...state.selected, ...found])] : found });
  }
}

function endDrag() {
  const was = drag;
  drag = null;
  if (was) drawOver(was.panel);
}

function onWheel(panel, event) {
  if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
  event.preventDefault();
  const view = windowOf(panel.overlay.width, panel.overlay.height);
  const [x, y] = pointOf(panel, event);
  zoomBy(Math.exp(-clamp(event.deltaY, -80, 80) / 160), view.backX(x), view.backY(y));
}

function onMapKey(event) {
  const step = 0.15 / camera.zoom;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.key === "+" || event.key === "=") zoomBy(1.3);
  else if (event.key === "-") zoomBy(1 / 1.3);
  else if (event.key === "0") zoomAll();
  else if (event.shiftKey && moves[event.key]) {
    camera.x += moves[event.key][0];
    camera.y += moves[event.key][1];
    redraw();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

// Points at an item everywhere at once, with its picture and name beside the pointer.
function hover(item, event) {
  if (item !== hovered) {
    hovered = item;
    for (const panel of visiblePanels()) {
      if (panel.ratio) drawOver(panel);
      panel.overlay.classList.toggle("on-dot", item >= 0);
    }
    document.querySelectorAll("[data-item]").forEach((e) => e.classList.toggle("pointed", Number(e.dataset.item) === item));
    if (item >= 0) fillTip(item);
  }
  placeTip(item >= 0 ? event : null);
}

function fillTip(item) {
  const group = labels()[item];
  const lines = [make("b", {}, shortName(item))];
  if (LABELS) lines.push(make("span", {}, `label ${labelOf(item)}`));
  const predicted = DATA.predictions.map((side) => `${side.toUpperCase()} says ${labelName(array(`prediction.${side}`)[item])}`);
  if (predicted.length) lines.push(make("span", {}, predicted.join(", ")));
  lines.push(make("span", {}, group ? `concept ${group}` : "no concept"));
  byId("tip").replaceChildren(hasThumb(item) ? thumb(item, 72) : "", make("div", {}, lines));
}

// Beside the pointer, inside the window; hidden without an event that says where.
function placeTip(event) {
  const tip = byId("tip");
  tip.hidden = !event || event.clientX === undefined;
  if (tip.hidden) return;
  const [width, height] = [document.documentElement.clientWidth, document.documentElement.clientHeight];
  const left = event.clientX + 16 + tip.offsetWidth < width ? event.clientX + 16 : event.clientX - 16 - tip.offsetWidth;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${clamp(event.clientY + 14, 4, height - tip.offsetHeight - 4)}px`;
}

// Captions, notes and what a screen reader says of the maps.
function describeMaps() {
  const own = OWN[state.direction];
  const one = concept();
  const kind = state.kind === "pca" ? "PCA" : "UMAP of both models";
  const what = one ? `concept ${one.number}, ${things(one.size)}` : "no concept";
  for (const panel of panels.values()) {
    if (panel.side === "passage") {
      panel.caption.replaceChildren(make("span", {}, "From "), make("b", { class: "side a" }, "A"), make("span", {}, " to "), make("b", { class: "side b" }, "B"));
      panel.note.textContent = "Dots that travel are what the models disagree on.";
      panel.overlay.setAttribute("aria-label", `Map that passes from A to B, ${kind}; ${what}.`);
      continue;
    }
    const holds = panel.side === own;
    panel.caption.replaceChildren(make("b", { class: `side ${panel.side}` }, panel.side.toUpperCase()), make("span", {}, ` ${title(panel.side)}`));
    panel.note.textContent = mapNote(one, holds, panel.side);
    panel.overlay.setAttribute("aria-label", `Map of ${panel.side.toUpperCase()}, ${title(panel.side)}, ${kind}. Marked: ${what}. ${panel.note.textContent}`);
  }
}

function mapNote(one, holds, side) {
  if (state.item !== null) return side === "a" ? "Solid lines: its nearest items in A." : "Dashed lines: its nearest items in B.";
  if (!one) return "";
  if (!method().isRdx) return holds ? `Concept ${one.number} is one of this model's groups.` : "The same items in the other model.";
  const [near, far] = [one.typical[OWN[state.direction]], one.typical[OTHER[OWN[state.direction]]]];
  if (!(near < far)) return "";
  return holds ? `Concept ${one.number} lies together here …` : "… and is spread out here.";
}

// Plays the passage to the end it is not at; again to go back.
function play() {
  if (playing) {
    cancelAnimationFrame(playing);
    playing = null;
    change({ at: state.at }, { passing: true });
    byId("play").textContent = "Play";
    return;
  }
  change({ layout: "passage" });
  const from = state.at;
  const to = from < 0.5 ? 1 : 0;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    change({ at: to }, { passing: true });
    return;
  }
  const start = performance.now();
  byId("play").textContent = "Pause";
  const frame = (now) => {
    const share = clamp((now - start) / 1000 / PLAY_SECONDS, 0, 1);
    state.at = from + (to - from) * share; // the link is written once, at the end
    byId("passage-at").value = String(state.at);
    redraw();
    if (share < 1) playing = requestAnimationFrame(frame);
    else {
      playing = null;
      byId("play").textContent = "Play";
      writeLink(true);
    }
  };
  playing = requestAnimationFrame(frame);
}
