// The items as a table that sorts by any column: those selected, else the concept's, else all that pass the filter.

const ROWS_FIRST = 10;
const ROWS_MORE = 40;
const sorting = { key: null, down: true };
let rowsShown = ROWS_FIRST;

// Columns: [key, text, value of an item to sort by, text of an item].
function tableColumns() {
  const seen = new Set(shown().concepts.filter(inColor).map((one) => one.number));
  const groups = labels().map((number) => (seen.has(number) ? number : 0));
  const columns = [["name", "name", (i) => DATA.ids[i], (i) => shortName(i)]];
  columns.push([
    "concept",
    "concept",
    (i) => groups[i] || Infinity,
    (i) => (groups[i] ? nameOfConcept(groups[i]) : "–"),
  ]);
  const keys = ["label", ...MOVED.map(keyOf)];
  const chosen = [state.color, readFilter(state.filter)?.key, sorting.key];
  for (const key of new Set([...keys, ...chosen])) {
    const field = FIELDS.get(key);
    if (!field) continue;
    const value = field.kind === "number" ? (i) => field.values[i] : (i) => fieldText(key, i);
    columns.push([key, fieldName(field), value, (i) => fieldText(key, i)]);
  }
  return columns;
}

// The items in question, and how they are called.
function tableItems() {
  const passes = passing();
  const one = concept();
  let items = state.selected;
  let what = "selected";
  if (!items.length) {
    items = one ? membersOf(labels(), one.number) : Array.from({ length: N }, (_, i) => i);
    what = one ? `of concept ${nameOfConcept(one.number)}` : "in all";
  }
  if (!passes) return [items, what];
  return [items.filter((i) => passes[i]), `${what}, filtered`];
}

function sorted(items, columns) {
  const alone = keyOf(`more_alone_in_${OTHER[OWN[state.direction]]}`);
  const key = sorting.key ?? alone ?? "name";
  const [, , value] = columns.find(([name]) => name === key) || columns[0];
  const missing = (x) => typeof x === "number" && Number.isNaN(x);
  const compare = (x, y) => {
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return sorting.down && (typeof x === "number" || sorting.key) ? -order : order;
  };
  return [key, items.map((i) => [value(i), i]).sort(([x, i], [y, j]) => compare(x, y) || i - j).map(([, i]) => i)];
}

function fillTable() {
  const columns = tableColumns();
  const [items, what] = tableItems();
  const [key, order] = sorted(items, columns);
  const heads = columns.map(([name, text]) =>
    make(
      "th",
      { scope: "col", "aria-sort": name === key ? (sorting.down ? "descending" : "ascending") : null },
      make("button", { type: "button", on: { click: () => sortBy(name, key) } }, text, name === key ? (sorting.down ? " ↓" : " ↑") : ""),
    ),
  );
  const rows = order.slice(0, rowsShown).map((item) =>
    make(
      "tr",
      { "data-item": item },
      make("td", {}, itemButton(item, 40)),
      columns.map(([, , , text]) => make("td", {}, text(item))),
    ),
  );
  byId("table-title").textContent = `${things(items.length)} ${what}`;
  byId("rows").replaceChildren(
    make(
      "table",
      {},
      make("caption", { class: "unseen" }, "Items; the buttons in the head sort"),
      make("thead", {}, make("tr", {}, make("td"), heads)),
      make("tbody", {}, rows),
    ),
  );
  byId("more-rows").hidden = order.length <= rowsShown;
  byId("select-rows").hidden = !items.length || Boolean(state.selected.length);
}

function sortBy(name, before) {
  if (name === before) sorting.down = !sorting.down;
  else sorting.down = FIELDS.get(name)?.kind === "number";
  sorting.key = name;
  fillTable();
  byId("rows").querySelector("[aria-sort] button").focus();
}

function buildTable() {
  const options = [make("option", { value: "" }, "another column"), ...fieldOptions(["category", "number", "text"])];
  byId("column").replaceChildren(...options);
  byId("column").addEventListener("change", (event) => {
    sorting.key = event.target.value || null;
    sorting.down = true;
    fillTable();
  });
  byId("more-rows").addEventListener("click", () => {
    rowsShown += ROWS_MORE;
    fillTable();
  });
  byId("select-rows").addEventListener("click", () => change({ selected: tableItems()[0] }));
}
