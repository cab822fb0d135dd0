// The mean image of a concept beside the mean of the rest: what all of its images have in common shines through.

const MEAN_SIDE = 64;
const MEAN_MOST = 200; // images of a mean, evenly taken

const someOf = (items) => {
  const kept = items.filter(hasImage);
  const step = Math.max(1, kept.length / MEAN_MOST);
  return Array.from({ length: Math.min(kept.length, MEAN_MOST) }, (_, i) => kept[Math.floor(i * step)]);
};

// The mean of some images, each stretched to a square, as one canvas.
async function drawMean(canvas, items) {
  const work = make("canvas", { width: MEAN_SIDE, height: MEAN_SIDE }).getContext("2d", { willReadFrequently: true });
  const sums = new Float64Array(4 * MEAN_SIDE * MEAN_SIDE);
  for (const item of items) {
    const from = cut(item);
    work.drawImage(await sheet(from.number), from.x, from.y, from.width, from.height, 0, 0, MEAN_SIDE, MEAN_SIDE);
    const { data } = work.getImageData(0, 0, MEAN_SIDE, MEAN_SIDE);
    for (let i = 0; i < data.length; i++) sums[i] += data[i];
  }
  const mean = new ImageData(MEAN_SIDE, MEAN_SIDE);
  mean.data.set(sums.map((sum) => Math.round(sum / items.length)));
  canvas.getContext("2d").putImageData(mean, 0, 0);
}

function meanFigures(members) {
  if (!THUMBS) return "";
  const inside = new Set(members);
  const rest = [];
  for (let i = 0; i < N; i++) if (!inside.has(i)) rest.push(i);
  const figures = [
    ["mean of the concept", someOf(members)],
    ["mean of the rest", someOf(rest)],
  ].map(([text, items]) => {
    const canvas = make("canvas", { width: MEAN_SIDE, height: MEAN_SIDE, "aria-hidden": "true" });
    if (items.length) drawMean(canvas, items);
    return make("figure", {}, canvas, make("figcaption", {}, text));
  });
  return make("div", { class: "means" }, figures);
}

// The concept as the other model divides it: a row of images for each half.
function halvesOf(one) {
  if (!one.halves) return "";
  const own = OWN[state.direction];
  const other = OTHER[own];
  const { halves, mixed } = one.halves;
  const words =
    `In ${letter(other)}, ${percent(mixed[other])} of a member's nearest in the group are of the other half; ` +
    `in ${letter(own)}, ${percent(mixed[own])}.`;
  const half = ({ size, items, labels: parts }) =>
    make(
      "div",
      { class: "half" },
      make("p", {}, things(size), parts.length ? `: ${listed(parts.map(([code, share]) => `“${labelName(code)}” ${percent(share)}`))}` : ""),
      make(
        "div",
        { class: "strip" },
        items.map((item) => itemButton(item, 64)),
      ),
    );
  return make(
    "div",
    { class: "halves" },
    make("h3", {}, `As ${letter(other)} divides it`),
    make("p", { class: "quiet" }, words),
    halves.map(half),
  );
}
