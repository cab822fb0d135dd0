// The difference matrix of some items, ordered by concept: blocks are groups that one model holds together.

const EDGE = 10; // pixels of the strips that say which concept a row is of
let pointedPair = null;

function matrixNow() {
  const entry = shown().matrix;
  if (!entry) return null;
  const name = `matrix.${methodIndex(state.method)}.${state.direction}`;
  return { ...entry, items: array(`${name}.items`), values: array(name) };
}

function fillMatrix() {
  const matrix = matrixNow();
  const canvas = byId("matrix-canvas");
  canvas.hidden = byId("matrix-legend").hidden = !matrix;
  if (!matrix) {
    byId("matrix-words").textContent = "There is no matrix for this method.";
    return;
  }
  const thinned =
    matrix.size < N ? `; there is no room for all ${wholeNumber(N)}, so the largest groups are thinned evenly` : "";
  byId("matrix-words").textContent =
    `Each row and column is one of ${things(matrix.size)}, ordered by concept${thinned}. Red pairs are near only ` +
    "in A, blue ones near only in B: a block of one colour is a group that this model alone holds together.";
  canvas.setAttribute(
    "aria-label",
    `Difference matrix of ${matrix.size} items ordered by concept. ${blocksText(matrix)}`,
  );
  drawMatrix();
}

// The mean difference inside every concept, in words.
function blocksText(matrix) {
  const groups = labels();
  const texts = shown()
    .concepts.filter(inColor)
    .slice(0, 8)
    .map((one) => {
      const rows = Array.from(matrix.items.keys()).filter((row) => groups[matrix.items[row]] === one.number);
      let sum = 0;
      for (const row of rows) for (const column of rows) sum += matrix.values[row * matrix.size + column];
      return `concept ${nameOfConcept(one.number)}: ${signed(((sum / (rows.length ** 2 || 1)) * matrix.largest) / 127)}`;
    });
  return texts.length ? `Mean difference inside ${texts.join(", ")}.` : "";
}

function drawMatrix() {
  const matrix = matrixNow();
  if (!matrix) return;
  const canvas = byId("matrix-canvas");
  const size = matrix.size;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const side = Math.round(canvas.clientWidth * ratio) || 380;
  Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d");
  const picture = new ImageData(size, size);
  const strongest = strengthOf(matrix);
  const colors = Array.from({ length: 255 }, (_, i) => differenceColor(clamp((i - 127) / strongest, -1, 1)));
  for (let i = 0; i < size * size; i++)
    picture.data.set([...colors[matrix.values[i] + 127].map(Math.round), 255], 4 * i);
  const small = make("canvas", { width: size, height: size });
  small.getContext("2d").putImageData(picture, 0, 0);
  const edge = EDGE * ratio;
  context.clearRect(0, 0, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, edge, edge, side - edge, side - edge);
  drawBorders(context, matrix, edge, side);
  if (pointedPair) {
    const step = (side - edge) / size;
    context.strokeStyle = isDark() ? "#fff" : "#111";
    context.lineWidth = ratio;
    context.strokeRect(edge + pointedPair[1] * step - ratio, 0, step + 2 * ratio, side);
    context.strokeRect(0, edge + pointedPair[0] * step - ratio, side, step + 2 * ratio);
  }
}

// The step (of 127) at which colours are full, so that a few extreme pairs do not wash out the rest.
function strengthOf(matrix) {
  const sizes = Uint8Array.from(matrix.values, Math.abs).sort();
  return Math.max(sizes[Math.floor(0.98 * (sizes.length - 1))], 25);
}

function drawBorders(context, matrix, edge, side) {
  const groups = labels();
  const seen = new Set(shown().concepts.filter(inColor).map((one) => one.number));
  const groupOf = (row) => (seen.has(groups[matrix.items[row]]) ? groups[matrix.items[row]] : 0);
  const step = (side - edge) / matrix.size;
  for (let row = 0, start = 0; row < matrix.size; row++) {
    const group = groupOf(row);
    if (row + 1 < matrix.size && groupOf(row + 1) === group) continue;
    const [from, to] = [edge + start * step, edge + (row + 1) * step];
    context.fillStyle = css(conceptColor(group));
    context.fillRect(0, from, edge * 0.7, to - from);
    context.fillRect(from, 0, to - from, edge * 0.7);
    context.strokeStyle = css(themeColor("ink"));
    context.lineWidth = group && group === state.concept ? 2.2 : 0.7;
    if (group) context.strokeRect(from, from, to - from, to - from);
    start = row + 1;
  }
}

// The row and column under the pointer; null outside.
function pairAt(event) {
  const matrix = matrixNow();
  const box = byId("matrix-canvas").getBoundingClientRect();
  const place = [event.clientY - box.top, event.clientX - box.left].map((at) =>
    Math.floor(((at - EDGE) / (box.width - EDGE)) * matrix.size),
  );
  return place.every((at) => at >= 0 && at < matrix.size) ? place : null;
}

function pointPair(pair, event) {
  const matrix = matrixNow();
  pointedPair = pair;
  drawMatrix();
  if (!pair) return placeTip(null);
  const [row, column] = pair.map((at) => matrix.items[at]);
  const value = (matrix.values[pair[0] * matrix.size + pair[1]] * matrix.largest) / 127;
  byId("tip").replaceChildren(
    ...[row, column].map((item) =>
      make("div", { class: "pair-item" }, hasThumb(item) ? thumb(item, 56) : "", make("span", {}, shortName(item))),
    ),
    make("div", {}, make("span", {}, "difference"), make("b", {}, signed(value))),
  );
  return placeTip(event);
}

function buildMatrix() {
  const canvas = byId("matrix-canvas");
  canvas.addEventListener("pointermove", (event) => pointPair(pairAt(event), event));
  canvas.addEventListener("pointerleave", () => pointPair(null));
  canvas.addEventListener("click", (event) => {
    const pair = pairAt(event);
    if (pair) change({ item: matrixNow().items[pair[0]] });
  });
  new ResizeObserver(drawMatrix).observe(canvas);
}
