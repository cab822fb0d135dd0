// Colours: concepts as in the run's figures, told apart with every common colour blindness.

const MARKS = 5; // shapes; another one for every ten colours
const RAMP_STEPS = 32;
// Viridis at nine points, the same ramp as in the run's matrices.
const RAMP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"].map(
  rgb,
);

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const css = (color) => `rgb(${color.map(Math.round).join(" ")})`;
const mix = (x, y, share) => x.map((value, i) => value + (y[i] - value) * share);

function luminance(color) {
  const [r, g, b] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(x, y) {
  const [low, high] = [luminance(x), luminance(y)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const isDark = () => document.documentElement.dataset.theme === "dark";
const themeColor = (name) => rgb(getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());

const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];

// A palette's colour, after its last one in further shades; on dark ground lightened until it stands out from it.
function hue(number) {
  let color = rgb(DATA.colors[number % DATA.colors.length]);
  const shade = Math.floor(number / DATA.colors.length) % 3;
  if (isDark()) {
    const ground = themeColor("panel");
    while (contrast(color, ground) < 4) color = mix(color, WHITE, 0.12);
    return mix(color, WHITE, [0, 0.5, 0.75][shade]);
  }
  const ends = luminance(color) < 0.3 ? [WHITE, BLACK] : [BLACK, WHITE];
  return shade ? mix(color, ends[shade - 1], 0.45) : color;
}

const nullColor = () => themeColor("null");
// One colour is one concept of either direction; shades of one hue are faces of one finding.
const conceptColor = (number, direction = state.direction) =>
  number > 0 ? hue(conceptAt([direction, number]).color) : nullColor();
// What may be chance has a colour only while it is looked at.
const inColor = (one) => one.standing !== "chance" || one.number === state.concept;
const markOf = (number) => Math.floor(Math.max(0, number) / DATA.colors.length) % MARKS;

// Black or white, whichever can be read on a colour.
const textOn = (color) => (contrast(color, [0, 0, 0]) > contrast(color, [255, 255, 255]) ? "#000" : "#fff");

function rampColor(share) {
  const place = clamp(share, 0, 1) * (RAMP.length - 1);
  const below = Math.min(Math.floor(place), RAMP.length - 2);
  const color = mix(RAMP[below], RAMP[below + 1], place - below);
  return isDark() ? mix(color, [255, 255, 255], 0.12 * (1 - share)) : color;
}

// A difference of −1 … 1 in the direction shown: red is near only in A, blue near only in B, in both directions.
function differenceColor(value) {
  const inA = value < 0 === (OWN[state.direction] === "a");
  const strong = inA ? (isDark() ? [240, 110, 90] : [178, 24, 43]) : isDark() ? [90, 160, 235] : [33, 102, 172];
  return mix(isDark() ? [38, 42, 48] : [247, 247, 247], strong, Math.abs(value));
}

// What dots can be coloured by, for a state.
function colorKeys(of) {
  const fields = [...FIELDS.keys()].filter((key) => FIELDS.get(key).kind !== "text");
  return ["concept", ...(affinityOf(of.method, of.direction) ? ["affinity"] : []), ...fields];
}

// Affinities are ratios, so their colours go by the logarithm; a few extreme items must not set the scale.
function affinityScale() {
  const known = affinityOf(state.method, state.direction).filter((value) => !Number.isNaN(value));
  const values = Array.from(known, (value) => Math.log(Math.max(value, 1e-9)));
  values.sort((x, y) => x - y);
  const low = values[Math.floor(0.01 * (values.length - 1))];
  const high = values[Math.ceil(0.99 * (values.length - 1))];
  return { low, high, share: (value) => (high > low ? (Math.log(Math.max(value, 1e-9)) - low) / (high - low) : 0.5) };
}

// How every dot looks: {classes: (n) numbers, looks: [{color, mark, quiet}]}.
function coloring() {
  const by = state.color;
  if (by === "concept") {
    const none = { color: nullColor(), mark: 0, none: true };
    const looks = [none];
    for (const one of shown().concepts)
      looks[one.number] = inColor(one) ? { color: hue(one.color), mark: markOf(one.color) } : none;
    return { classes: labels(), looks };
  }
  if (by === "affinity") return ramped(affinityOf(state.method, state.direction), affinityScale());
  const { kind, names, values } = FIELDS.get(by);
  if (kind === "category")
    return { classes: values, looks: names.map((_, code) => ({ color: hue(code), mark: markOf(code) })) };
  return ramped(values, numberScale(by));
}

// Numbers as steps of the ramp; items without one are grey.
function ramped(values, { share }) {
  const looks = Array.from({ length: RAMP_STEPS }, (_, i) => ({ color: rampColor(i / (RAMP_STEPS - 1)), mark: 0 }));
  looks.push({ color: nullColor(), mark: 0, none: true });
  const step = (value) => Math.round(clamp(share(value), 0, 1) * (RAMP_STEPS - 1));
  return { classes: Uint8Array.from(values, (value) => (Number.isNaN(value) ? RAMP_STEPS : step(value))), looks };
}
