// Thumbnails: small canvases cut from sheets, which are decoded when they are first needed; cards where items are texts.

const THUMBS = DATA.thumbnails && {
  position: array("thumbnail.position"),
  shape: array("thumbnail.shape"),
  texts: Array.from(document.getElementsByClassName("sheet")),
  sheets: new Map(),
};

const hasImage = (item) => Boolean(THUMBS) && THUMBS.position[item] >= 0;
const hasText = (item) => Boolean(TEXTS) && TEXTS[item] !== "";
const hasThumb = (item) => hasImage(item) || hasText(item);
const TEXT_LEAST = 50; // CSS pixels: a card that is smaller cannot be read

function sheet(number) {
  if (!THUMBS.sheets.has(number)) {
    const image = new Image();
    image.src = `data:image/webp;base64,${THUMBS.texts[number].textContent}`;
    THUMBS.sheets.set(
      number,
      image.decode().then(() => image),
    );
  }
  return THUMBS.sheets.get(number);
}

// Where an item's image lies: {number, x, y, width, height} on its sheet.
function cut(item) {
  const { cell, columns, rows } = DATA.thumbnails;
  const place = THUMBS.position[item] % (columns * rows);
  return {
    number: Math.floor(THUMBS.position[item] / (columns * rows)),
    x: (place % columns) * cell,
    y: Math.floor(place / columns) * cell,
    width: THUMBS.shape[2 * item],
    height: THUMBS.shape[2 * item + 1],
  };
}

// Draws an item's image into a square; small images keep their pixels.
async function drawThumb(context, item, left, top, side) {
  const from = cut(item);
  const image = await sheet(from.number);
  const scale = side / Math.max(from.width, from.height);
  const [width, height] = [from.width * scale, from.height * scale];
  context.imageSmoothingEnabled = !(DATA.thumbnails.pixels && scale > 1);
  context.imageSmoothingQuality = "high";
  const [x, y] = [left + (side - width) / 2, top + (side - height) / 2];
  context.drawImage(image, from.x, from.y, from.width, from.height, x, y, width, height);
}

// What becomes of a canvas that has an image where it is to show a copy of it.
const COPIES = {
  "upside-down": { turn: [1, -1] },
  mirrored: { turn: [-1, 1] },
  "less sharp": { pixels: 16 },
};

async function drawCopy(canvas, item, { turn, pixels }) {
  const context = canvas.getContext("2d");
  const side = canvas.width;
  if (turn) context.setTransform(turn[0], 0, 0, turn[1], turn[0] < 0 ? side : 0, turn[1] < 0 ? side : 0);
  await drawThumb(context, item, 0, 0, side);
  if (!pixels) return;
  const small = make("canvas", { width: pixels, height: pixels });
  small.getContext("2d").drawImage(canvas, 0, 0, pixels, pixels);
  context.clearRect(0, 0, side, side);
  context.drawImage(small, 0, 0, side, side);
}

// An item as a picture (or as a copy of it, see COPIES) or a card with its text, or as its name where it has neither.
// `side` in CSS pixels.
function thumb(item, side, copy = "") {
  if (hasText(item) && side >= TEXT_LEAST) return make("span", { class: "text-card" }, TEXTS[item]);
  if (!hasImage(item)) {
    const name = make("span", {}, side < 50 ? labelOf(item) || shortName(item) : shortName(item));
    return make(
      "span",
      { class: "name-tile" },
      name,
      side < 50 || !LABELS ? "" : make("span", { class: "quiet" }, labelOf(item)),
    );
  }
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const canvas = make("canvas", {
    class: "thumb",
    width: Math.round(side * ratio),
    height: Math.round(side * ratio),
    "aria-hidden": "true",
  });
  if (copy) drawCopy(canvas, item, COPIES[copy]);
  else drawThumb(canvas.getContext("2d"), item, 0, 0, canvas.width);
  return canvas;
}

// The last part of an item's name.
function shortName(item) {
  const parts = DATA.ids[item].split("/");
  return parts[parts.length - 1] || DATA.ids[item];
}

// What a screen reader says of an item.
const nameOf = (item) =>
  `${DATA.ids[item]}${LABELS ? `, label ${labelOf(item)}` : ""}${hasText(item) ? `: ${TEXTS[item]}` : ""}`;
