// The pointer on a map: pointing, clicking, dragging and zooming; and the tip beside it.

function pointOf(panel, event) {
  const box = panel.overlay.getBoundingClientRect();
  return [(event.clientX - box.left) * panel.ratio, (event.clientY - box.top) * panel.ratio];
}

const outline = ({ path, kind }) => {
  const [[x, y], [u, v]] = [path[0], path[path.length - 1]];
  return kind === "box"
    ? [
        [x, y],
        [u, y],
        [u, v],
        [x, v],
      ]
    : path;
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
  drag = {
    panel,
    kind: event.shiftKey ? "lasso" : tool,
    path: [pointOf(panel, event)],
    moved: 0,
    add: event.ctrlKey || event.metaKey,
  };
}

function onUp(panel, event) {
  if (!drag) return;
  const done = drag;
  endDrag();
  const [[x, y], [u, v]] = [done.path[0], pointOf(panel, event)];
  const wide =
    Math.max(done.moved, Math.hypot(u - x, v - y), done.kind === "lasso" ? done.path.length : 0) > 6 * panel.ratio;
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
    document
      .querySelectorAll("[data-item]")
      .forEach((e) => e.classList.toggle("pointed", Number(e.dataset.item) === item));
    if (item >= 0) fillTip(item);
  }
  placeTip(item >= 0 ? event : null);
}

function fillTip(item) {
  const group = labels()[item];
  const lines = [make("b", {}, shortName(item))];
  if (LABELS) lines.push(make("span", {}, `label ${labelOf(item)}`));
  const predicted = DATA.predictions.map(
    (side) => `${side.toUpperCase()} says ${labelName(array(`prediction.${side}`)[item])}`,
  );
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
