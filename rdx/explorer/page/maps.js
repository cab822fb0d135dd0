// The maps: A and B side by side, or one that passes from A to B; linked by what is pointed at and chosen.

const panels = new Map(); // "a", "b" or "passage" → the map's elements and pixels
let hovered = -1;
let drag = null;
let tool = "box";
let dirty = false;

const levels = new Uint8Array(N);
let drawn = null; // classes, looks and order of the dots as they are

const RINGS = { light: ["#111111", "#ffffff"], dark: ["#ffffff", "#111111"] };

function buildMaps() {
  for (const side of ["a", "b", "passage"]) {
    const canvas = make("canvas", { class: "dots", "aria-hidden": "true" });
    const overlay = make("canvas", { class: "over", role: "img", tabindex: "0", id: `map-${side}` });
    const caption = make("figcaption");
    const note = make("p", { class: "map-note" });
    const frame = make("div", { class: "frame" }, canvas, overlay);
    const figure = make("figure", { class: `map ${side}` }, caption, frame, note);
    const panel = {
      side,
      figure,
      caption,
      note,
      frame,
      overlay,
      plot: new Plot(canvas),
      over: overlay.getContext("2d"),
      xs: new Float32Array(N),
      ys: new Float32Array(N),
      ratio: 1,
    };
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
  const passes = passing();
  const count = looks.length;
  const every = new Uint16Array(N);
  for (let i = 0; i < N; i++) {
    const stands = chosen ? chosen[i] : focus ? groups[i] === focus : !looks[classes[i]].none;
    levels[i] = stands ? 2 : looks[classes[i]].none ? 0 : 1;
    every[i] = classes[i] + (stands ? 0 : count);
    if (!passes || passes[i]) continue;
    levels[i] = 0;
    every[i] = 2 * count;
  }
  const radius = dotRadius();
  const full = looks.map((look) => ({ ...look, radius, alpha: look.none && !chosen && !focus ? 0.7 : 0.9 }));
  const faint = looks.map((look) => ({
    ...look,
    color: look.none ? look.color : mix(look.color, ground, 0.15),
    radius: radius * 0.85,
    alpha: look.none ? 0.5 : 0.45, // faint, and still told apart
  }));
  const filtered = { color: nullColor(), mark: 0, radius: radius * 0.6, alpha: 0.35 };
  drawn = { classes: every, looks: [...full, ...faint, filtered], order: drawingOrder(levels), ground };
}

function drawMaps() {
  if (!drawn) prepareDots();
  for (const panel of panels.values()) panel.figure.hidden = !visiblePanels().includes(panel);
  for (const panel of visiblePanels()) {
    panel.ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [panel.frame.clientWidth, panel.frame.clientHeight].map((side) =>
      Math.max(1, Math.round(side * panel.ratio)),
    );
    panel.plot.resize(width, height);
    if (panel.overlay.width !== width || panel.overlay.height !== height)
      Object.assign(panel.overlay, { width, height });
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
        line(
          over,
          [
            [xs[state.item], ys[state.item]],
            [xs[item], ys[item]],
          ],
          ink,
          1.1 * ratio,
          0.75,
        );
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
  for (const [color, extra] of [
    [paper, 2],
    [ink, 0],
  ]) {
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
