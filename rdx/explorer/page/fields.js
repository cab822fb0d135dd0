// What is known of every item: labels, predictions, how far it moved, columns, measures. Colours, the filter and the
// table of items go by these.

const FIELDS = new Map(); // key → {name, group, kind: category | number | text, names, values, texts}

if (LABELS) FIELDS.set("label", { name: "label", group: "", kind: "category", names: DATA.labels.names, values: LABELS });
for (const side of DATA.predictions)
  FIELDS.set(`prediction_${side}`, {
    name: `prediction of ${letter(side)}`,
    group: "",
    kind: "category",
    names: DATA.labels.names,
    values: array(`prediction.${side}`),
  });
DATA.fields.forEach((field, i) => FIELDS.set(`f${i}`, { ...field, values: array(`field.${i}`) }));

const MOVED = ["change", "more_alone_in_a", "more_alone_in_b"];
const keyOf = (name) => [...FIELDS.keys()].find((key) => FIELDS.get(key).name === name);
// more_alone_in_a → more alone in A
const fieldName = ({ name }) =>
  name.replaceAll("_", " ").replace(/^(more alone in|prediction) ([ab])$/, (_, of, side) => `${of} ${letter(side)}`);

// The value of an item as text.
function fieldText(key, item) {
  const { kind, names, values, texts } = FIELDS.get(key);
  if (kind === "category") return names[values[item]];
  if (kind === "text") return texts[item];
  return Number.isNaN(values[item]) ? "–" : shortNumber(values[item]);
}

// Options for a <select>, in groups; `kinds` are those that are offered.
function fieldOptions(kinds) {
  const groups = new Map();
  for (const [key, field] of FIELDS) {
    if (!kinds.includes(field.kind)) continue;
    if (!groups.has(field.group)) groups.set(field.group, []);
    groups.get(field.group).push(make("option", { value: key }, fieldName(field)));
  }
  return [...groups].flatMap(([group, options]) => (group ? [make("optgroup", { label: group }, options)] : options));
}

// The first and last percent of a field's numbers set no colour: a few extreme items would use up the scale.
const scales = new Map();
function numberScale(key) {
  if (!scales.has(key)) {
    const sorted = Float32Array.from(FIELDS.get(key).values.filter((value) => !Number.isNaN(value))).sort();
    const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
    scales.set(key, { low, high, share: (value) => (high > low ? (value - low) / (high - low) : 0.5) });
  }
  return scales.get(key);
}

// A filter is "key:value" for categories and "key:low:high" for numbers, with an empty end for none.
function readFilter(text) {
  const [key, first = "", second = ""] = String(text || "").split(":");
  const field = FIELDS.get(key);
  if (!field || field.kind === "text") return null;
  if (field.kind === "category") {
    const code = Number(first);
    return first !== "" && Number.isInteger(code) && code >= 0 && code < field.names.length ? { key, code } : null;
  }
  const ends = [first, second].map((end) => (end === "" ? null : Number(end)));
  if (ends.some(Number.isNaN) || ends.every((end) => end === null)) return null;
  return { key, low: ends[0] ?? -Infinity, high: ends[1] ?? Infinity };
}

// Whether each item passes the filter; null where there is none.
function passing() {
  const filter = readFilter(state.filter);
  if (!filter) return null;
  const { values } = FIELDS.get(filter.key);
  if ("code" in filter) return Uint8Array.from(values, (value) => Number(value === filter.code));
  return Uint8Array.from(values, (value) => Number(value >= filter.low && value <= filter.high));
}

// Fills the filter's controls: a field, and then its values or its ends.
function fillFilter() {
  const filter = readFilter(state.filter);
  const key = byId("filter-field").value || filter?.key || "";
  const field = FIELDS.get(key);
  const box = byId("filter-value");
  if (!field) return box.replaceChildren();
  const name = fieldName(field);
  if (field.kind === "category") {
    const chosen = make(
      "select",
      { "aria-label": `Value of ${name}`, on: { change: (event) => change({ filter: event.target.value }) } },
      make("option", { value: "" }, "any"),
      field.names.map((text, code) => make("option", { value: `${key}:${code}` }, text)),
    );
    chosen.value = state.filter;
    return box.replaceChildren(chosen);
  }
  const { low, high } = numberScale(key);
  const given = filter?.key === key ? state.filter.split(":") : [key, "", ""];
  const ends = ["at least", "at most"].map((word, i) =>
    make("input", {
      type: "number",
      step: "any",
      value: given[i + 1],
      placeholder: shortNumber([low, high][i]).replace("−", "-"),
      "aria-label": `${name} ${word}`,
    }),
  );
  for (const end of ends)
    end.addEventListener("change", () => {
      const [from, to] = ends.map((each) => each.value);
      change({ filter: from || to ? `${key}:${from}:${to}` : "" });
    });
  return box.replaceChildren(ends[0], " to ", ends[1]);
}

function buildFilter() {
  const select = byId("filter-field");
  select.replaceChildren(make("option", { value: "" }, "all items"), ...fieldOptions(["category", "number"]));
  select.value = readFilter(state.filter)?.key || "";
  select.addEventListener("change", () => {
    if (state.filter) change({ filter: "" });
    else fillFilter();
  });
  byId("filter").hidden = !FIELDS.size;
}
