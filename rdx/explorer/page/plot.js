// Dots as pixels: every dot is a small stamp blended into an image, which stays fluid with 50,000 of them
// on any machine, with or without a GPU.

const SUB = 2; // positions inside a pixel, so that dots glide instead of jumping
const SAMPLES = 4; // per pixel and axis, for smooth edges

// Whether (x, y) lies in a mark of radius 1: circle, square, diamond, triangle, triangle upside down.
const INSIDE = [
  (x, y) => x * x + y * y <= 1,
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.86,
  (x, y) => Math.abs(x) + Math.abs(y) <= 1.2,
  (x, y) => y <= 0.75 && y >= -1 && Math.abs(x) <= (y + 1) * 0.62,
  (x, y) => -y <= 0.75 && -y >= -1 && Math.abs(x) <= (1 - y) * 0.62,
];

const stamps = new Map();

// The pixels a mark covers, as {dx, dy, cover} with cover 0 … 255, for each position inside a pixel.
function stampsOf(mark, radius) {
  const key = `${mark} ${radius.toFixed(2)}`;
  if (stamps.has(key)) return stamps.get(key);
  const found = [];
  const reach = Math.ceil(radius * 1.25) + 1;
  for (let sub = 0; sub < SUB * SUB; sub++) {
    const [ox, oy] = [(sub % SUB) / SUB, Math.floor(sub / SUB) / SUB];
    const pixels = { dx: [], dy: [], cover: [] };
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        let hits = 0;
        for (let s = 0; s < SAMPLES * SAMPLES; s++) {
          const x = dx + ((s % SAMPLES) + 0.5) / SAMPLES - ox - 0.25;
          const y = dy + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES - oy - 0.25;
          if (INSIDE[mark](x / radius, y / radius)) hits++;
        }
        if (hits) {
          pixels.dx.push(dx);
          pixels.dy.push(dy);
          pixels.cover.push(Math.round((255 * hits) / (SAMPLES * SAMPLES)));
        }
      }
    }
    found.push({
      dx: Int16Array.from(pixels.dx),
      dy: Int16Array.from(pixels.dy),
      cover: Uint8Array.from(pixels.cover),
    });
  }
  stamps.set(key, found);
  return found;
}

class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.image = null;
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height && this.image) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = this.context.createImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  // xs, ys: pixels of n dots. order: which to draw, the last on top. classes: (n). looks: [{color, mark, radius, alpha}].
  draw(xs, ys, order, classes, looks, ground) {
    const { width, height } = this.canvas;
    this.words.fill((255 << 24) | (ground[2] << 16) | (ground[1] << 8) | ground[0]);
    const ready = looks.map((look) => ({
      ...look,
      stamps: stampsOf(look.mark, look.radius).map((stamp) => placed(stamp, width, look.alpha)),
    }));
    for (let o = 0; o < order.length; o++) {
      const i = order[o];
      const look = ready[classes[i]];
      const px = Math.floor(xs[i]);
      const py = Math.floor(ys[i]);
      const sub = Math.floor((xs[i] - px) * SUB) + SUB * Math.floor((ys[i] - py) * SUB);
      const stamp = look.stamps[sub];
      const { reach } = stamp;
      if (px >= reach && py >= reach && px < width - reach && py < height - reach)
        blend(this.image.data, stamp, 4 * (py * width + px), look.color);
      else if (px > -reach && py > -reach && px < width + reach && py < height + reach)
        this.blendAtEdge(stamp, px, py, look.color);
    }
    this.context.putImageData(this.image, 0, 0);
  }

  blendAtEdge(stamp, px, py, color) {
    const { width, height } = this.canvas;
    for (let s = 0; s < stamp.cover.length; s++) {
      const [x, y] = [px + stamp.dx[s], py + stamp.dy[s]];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      blend(this.image.data, { offset: [0], share: [stamp.share[s]] }, 4 * (y * width + x), color);
    }
  }
}

// A stamp in an image of some width: offsets of its bytes, and what share of the colour each takes.
function placed(stamp, width, alpha) {
  const offset = Int32Array.from(stamp.dx, (dx, s) => 4 * (stamp.dy[s] * width + dx));
  const share = Float32Array.from(stamp.cover, (cover) => (cover / 255) * alpha);
  return {
    ...stamp,
    offset,
    share,
    reach: stamp.dx.reduce((most, dx, s) => Math.max(most, Math.abs(dx), Math.abs(stamp.dy[s])), 0) + 1,
  };
}

function blend(data, { offset, share }, start, [r, g, b]) {
  for (let s = 0; s < offset.length; s++) {
    const at = start + offset[s];
    const part = share[s];
    data[at] += (r - data[at]) * part;
    data[at + 1] += (g - data[at + 1]) * part;
    data[at + 2] += (b - data[at + 2]) * part;
  }
}

// Items sorted so that those with higher `level` (0 … 255) are drawn later; inside a level as they come.
function drawingOrder(levels) {
  const starts = new Uint32Array(257);
  for (let i = 0; i < levels.length; i++) starts[levels[i] + 1]++;
  for (let level = 1; level <= 256; level++) starts[level] += starts[level - 1];
  const order = new Uint32Array(levels.length);
  for (let i = 0; i < levels.length; i++) order[starts[levels[i]]++] = i;
  return order;
}
