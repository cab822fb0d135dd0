// What the file carries: one JSON object, and arrays that are read where they lie.

const DATA = JSON.parse(byId("payload").textContent);
const DIRECTIONS = ["a_not_b", "b_not_a"];
const OWN = { a_not_b: "a", b_not_a: "b" };
const OTHER = { a: "b", b: "a" };

const BYTES = (() => {
  const text = byId("arrays").textContent;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text).buffer;
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes.buffer;
})();
byId("arrays").remove();

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i1: Int8Array, i4: Int32Array, f4: Float32Array };

// The array of that name; null where the file has none.
function array(name) {
  const entry = DATA.arrays[name];
  return entry ? new TYPES[entry[0]](BYTES, entry[1], entry[2]) : null;
}

const N = DATA.n;
const LABELS = array("labels");
const ROWS = array("rows"); // the items that have lists of neighbours, where not all have
const ROW_OF = ROWS && new Map(Array.from(ROWS, (item, row) => [item, row]));
const TEXTS = DATA.texts; // in place of images; null without
const THING = DATA.thumbnails ? ["image", "images"] : TEXTS ? ["text", "texts"] : ["item", "items"];
const things = (count) => `${wholeNumber(count)} ${THING[count === 1 ? 0 : 1]}`;

const labelName = (code) => DATA.labels.names[code];
const labelOf = (item) => (LABELS ? labelName(LABELS[item]) : "");
const methodIndex = (name) =>
  Math.max(
    0,
    DATA.methods.findIndex((method) => method.name === name),
  );

const conceptArrays = new Map();
// Every item's concept, 0 for none.
function conceptsOf(method, direction) {
  const name = `concept.${methodIndex(method)}.${direction}`;
  if (!conceptArrays.has(name)) conceptArrays.set(name, array(name));
  return conceptArrays.get(name);
}

// Every item's mean affinity to its own cluster; null for baselines.
const affinityOf = (method, direction) => array(`affinity.${methodIndex(method)}.${direction}`);

function membersOf(labels, concept) {
  const members = [];
  for (let i = 0; i < N; i++) if (labels[i] === concept) members.push(i);
  return members;
}

// How often each label occurs among items, the commonest first: [[code, count], …].
function makeUp(items) {
  const counts = new Map();
  for (const item of items) counts.set(LABELS[item], (counts.get(LABELS[item]) || 0) + 1);
  return [...counts].sort((x, y) => y[1] - x[1] || x[0] - y[0]);
}

// The neighbours of an item in a stored list: [{item, ranks: {view: [to, from]}}, …]; null where it has none stored.
function neighborsIn(name, item) {
  const k = DATA.lists[name];
  const row = ROW_OF ? ROW_OF.get(item) : item;
  if (!k || row === undefined) return null;
  const neighbors = array(name);
  const ranks = array(`${name}.ranks`);
  const found = [];
  for (let at = row * k; at < (row + 1) * k && neighbors[at] !== item; at++) {
    const ofPair = {};
    DATA.views.forEach((view, number) => {
      const start = 2 * number * neighbors.length;
      ofPair[view] = [ranks[start + at], ranks[start + neighbors.length + at]];
    });
    found.push({ item: neighbors[at], ranks: ofPair });
  }
  return found;
}

// The difference and affinity of a pair as a method has it, at the scale of a concept where it has one of its own; null
// where there is none.
function differenceOf(method, direction, ranks, concept) {
  const formula = method.formula;
  if (!formula) return null;
  const [own, other] = formula.pairs[direction].map((view) =>
    formula.symmetric ? (ranks[view][0] + ranks[view][1]) / 2 : ranks[view][0],
  );
  const { gamma, beta } = concept && concept.beta ? concept : formula;
  const difference = Math.tanh((gamma * (own - other)) / (Math.min(own, other) + 1));
  return { difference, affinity: Math.exp(-beta * difference) };
}
