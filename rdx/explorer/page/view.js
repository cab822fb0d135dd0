// Where dots are: the maps' coordinates, one window on them that both maps share, and what is under the pointer.

const ZOOM_MOST = 60;
const camera = { x: 0, y: 0, zoom: 1 };

// Both maps of a kind, moved and scaled alike into [−1, 1]: {a, b}, each x and y in turn.
const planes = new Map();
function planesOf(kind) {
  if (planes.has(kind)) return planes.get(kind);
  const raw = { a: array(`map.${kind}.a`), b: array(`map.${kind}.b`) };
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (const side of ["a", "b"]) {
    for (let i = 0; i < 2 * N; i++) {
      low[i & 1] = Math.min(low[i & 1], raw[side][i]);
      high[i & 1] = Math.max(high[i & 1], raw[side][i]);
    }
  }
  const reach = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 1;
  const middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  const fitted = {};
  for (const side of ["a", "b"]) fitted[side] = raw[side].map((value, i) => (value - middle[i & 1]) / reach);
  fitted.spread = [(high[0] - low[0]) / 2 / reach, (high[1] - low[1]) / 2 / reach];
  planes.set(kind, fitted);
  return fitted;
}

// The window of one map: pixels from coordinates and back.
function windowOf(width, height) {
  const { spread } = planesOf(state.kind);
  const fit = 0.94 * Math.min(width / 2 / Math.max(spread[0], 0.05), height / 2 / Math.max(spread[1], 0.05));
  const scale = fit * camera.zoom;
  return {
    scale,
    x: (x) => width / 2 + (x - camera.x) * scale,
    y: (y) => height / 2 - (y - camera.y) * scale,
    backX: (px) => (px - width / 2) / scale + camera.x,
    backY: (py) => (height / 2 - py) / scale + camera.y,
  };
}

// Pixels of all dots of a map, or of the passage at `share` between both: fills xs and ys.
function project(side, share, width, height, xs, ys) {
  const { a, b } = planesOf(state.kind);
  const part = side === "a" ? 0 : side === "b" ? 1 : share;
  const { scale } = windowOf(width, height);
  const [cx, cy] = [width / 2 - camera.x * scale, height / 2 + camera.y * scale];
  for (let i = 0; i < N; i++) {
    xs[i] = cx + (a[2 * i] + (b[2 * i] - a[2 * i]) * part) * scale;
    ys[i] = cy - (a[2 * i + 1] + (b[2 * i + 1] - a[2 * i + 1]) * part) * scale;
  }
}

// The dot nearest to a point, at most `reach` pixels away; what is drawn on top wins a near tie. −1 for none.
function nearestDot(xs, ys, x, y, reach, levels) {
  let best = -1;
  let least = reach * reach;
  for (let i = 0; i < N; i++) {
    const [dx, dy] = [xs[i] - x, ys[i] - y];
    const far = dx * dx + dy * dy - (levels[i] ? 4 : 0);
    if (far < least) {
      least = far;
      best = i;
    }
  }
  return best;
}

// The dots inside a closed path [[x, y], …].
function dotsInside(xs, ys, path) {
  const inside = [];
  for (let i = 0; i < N; i++) {
    let odd = false;
    for (let j = 0, k = path.length - 1; j < path.length; k = j++) {
      const [xj, yj] = path[j];
      const [xk, yk] = path[k];
      if (yj > ys[i] !== yk > ys[i] && xs[i] < ((xk - xj) * (ys[i] - yj)) / (yk - yj) + xj) odd = !odd;
    }
    if (odd) inside.push(i);
  }
  return inside;
}

// Zooms both maps by a factor about a point of one of them, given in coordinates.
function zoomBy(factor, x = camera.x, y = camera.y) {
  const zoom = clamp(camera.zoom * factor, 0.5, ZOOM_MOST);
  const kept = camera.zoom / zoom;
  camera.x = x - (x - camera.x) * kept;
  camera.y = y - (y - camera.y) * kept;
  camera.zoom = zoom;
  redraw();
}

function zoomAll() {
  Object.assign(camera, { x: 0, y: 0, zoom: 1 });
  redraw();
}
