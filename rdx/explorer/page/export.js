// Taking something along: items as CSV, the view as a picture.

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = make("a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// A field of a CSV. Texts that a spreadsheet would take for a formula get a quote before them.
function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+@\-\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvOf(items) {
  const columns = [
    ["index", (i) => i],
    ["id", (i) => DATA.ids[i]],
  ];
  if (LABELS) columns.push(["label", (i) => DATA.labels.values[LABELS[i]]], ["label_name", (i) => labelOf(i)]);
  for (const side of DATA.predictions) {
    const predicted = array(`prediction.${side}`);
    columns.push([`prediction_${side}`, (i) => DATA.labels.values[predicted[i]]]);
  }
  for (const { name, kind, names, values, texts } of DATA.fields.map((_, i) => FIELDS.get(`f${i}`))) {
    const value = { number: (i) => (Number.isNaN(values[i]) ? null : values[i]), text: (i) => texts[i] }[kind];
    columns.push([name, value || ((i) => names[values[i]])]);
  }
  for (const direction of DIRECTIONS) {
    const groups = conceptsOf(state.method, direction);
    const affinity = affinityOf(state.method, direction);
    columns.push([`${state.method}_${direction}_concept`, (i) => groups[i]]);
    columns.push([`${state.method}_${direction}_affinity`, (i) => (affinity && !Number.isNaN(affinity[i]) ? affinity[i] : null)]);
  }
  const rows = [columns.map(([name]) => name), ...items.map((i) => columns.map(([, value]) => value(i)))];
  return rows.map((row) => row.map(field).join(",")).join("\n") + "\n";
}

function saveCsv(items) {
  const name = state.selected.length ? "selected" : `${state.method}_${state.direction}_concept_${state.concept}`;
  download(new Blob([csvOf(items)], { type: "text/csv;charset=utf-8" }), `${name}.csv`);
  say(`${things(items.length)} saved as CSV.`);
}

const WIDTH = 1600; // of the picture
const MARGIN = 40;

// Lines of a text no wider than `width`; sets no font.
function wrapped(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (lines[lines.length - 1] && context.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

// The maps, the concept's grid and what they show, as one canvas.
async function picture() {
  const one = concept();
  const shownPanels = visiblePanels();
  const gridSide = one ? 400 : 0;
  const mapsWidth = WIDTH - 2 * MARGIN - (one ? gridSide + MARGIN : 0);
  const width = (mapsWidth - 16 * (shownPanels.length - 1)) / shownPanels.length;
  const shape = shownPanels[0].overlay;
  const height = Math.min((width * shape.height) / shape.width, 760);
  const canvas = make("canvas", { width: WIDTH, height: 2400 });
  const context = canvas.getContext("2d");
  const write = (text, size, top, left, wide, weight = "") => {
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    const lines = wrapped(context, text, wide);
    lines.forEach((each, i) => context.fillText(each, left, top + size + i * size * 1.35));
    return top + lines.length * size * 1.35;
  };
  context.fillStyle = css(themeColor("panel"));
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = css(themeColor("ink"));
  let top = write(`A: ${title("a")}, compared with B: ${title("b")}`, 30, 28, MARGIN, WIDTH - 2 * MARGIN, "bold");
  top = write(`${story().headline} (${state.method})`, 21, top + 4, MARGIN, WIDTH - 2 * MARGIN) + 22;
  shownPanels.forEach((panel, i) => {
    const left = MARGIN + i * (width + 16);
    context.fillStyle = css(themeColor("ink"));
    write(panel.caption.textContent, 20, top, left, width, "bold");
    for (const layer of [panel.plot.canvas, panel.overlay]) context.drawImage(layer, left, top + 34, width, height);
    context.strokeStyle = css(themeColor("line"));
    context.strokeRect(left, top + 34, width, height);
  });
  let right = top;
  if (one) {
    const left = WIDTH - MARGIN - gridSide;
    context.fillStyle = css(hue(one.color));
    context.fillRect(left, top, 6, 26);
    context.fillStyle = css(themeColor("ink"));
    write(`Concept ${nameOfConcept(one.number)}`, 20, top, left + 16, gridSide, "bold");
    right = await drawGrid(context, one, left, top + 34, gridSide);
    right = write([`${things(one.size)}.`, ...conceptTexts(one, membersOf(labels(), one.number))].join(" "), 17, right + 8, left, gridSide);
  }
  const legend = drawLegend(context, MARGIN, top + height + 58, mapsWidth);
  return cropped(canvas, Math.max(right, legend) + 30);
}

async function drawGrid(context, one, left, top, side) {
  const columns = Math.ceil(Math.sqrt(one.grid.length));
  const cell = side / columns;
  for (const [place, item] of one.grid.entries()) {
    const [x, y] = [left + (place % columns) * cell, top + Math.floor(place / columns) * cell];
    if (hasImage(item)) await drawThumb(context, item, x, y, cell - 6);
    else if (hasText(item)) {
      context.font = "12px system-ui, sans-serif";
      const lines = wrapped(context, TEXTS[item], cell - 8).slice(0, Math.floor(cell / 16));
      lines.forEach((line, row) => context.fillText(line, x, y + 14 + 16 * row, cell - 8));
    } else {
      context.font = "14px system-ui, sans-serif";
      context.fillText(shortName(item).slice(0, 16), x, y + cell / 2, cell - 8);
    }
  }
  return top + Math.ceil(one.grid.length / columns) * cell;
}

function drawLegend(context, left, top, width) {
  context.font = "17px system-ui, sans-serif";
  let [x, y] = [left, top];
  for (const { color, text } of legendEntries().slice(0, LEGEND_MOST)) {
    const wide = context.measureText(text).width + 44;
    if (x > left && x + wide > left + width) [x, y] = [left, y + 28];
    context.fillStyle = css(color);
    context.beginPath();
    context.arc(x + 8, y - 6, 7, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = css(themeColor("ink"));
    context.fillText(text, x + 22, y);
    x += wide;
  }
  return y;
}

function cropped(canvas, height) {
  const result = make("canvas", { width: canvas.width, height: Math.round(Math.min(height, canvas.height)) });
  result.getContext("2d").drawImage(canvas, 0, 0);
  return result;
}

async function savePicture() {
  const canvas = await picture();
  canvas.toBlob((blob) => {
    download(blob, `${state.method}_${state.direction}${state.concept ? `_concept_${state.concept}` : ""}.png`);
    say("Picture saved.");
  }, "image/png");
}
