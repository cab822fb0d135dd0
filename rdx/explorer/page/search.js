// Finding items by label, by file name or by what their texts say.

const FOUND_MOST = 8;
let found = [];

// Ways to read a query: [{text, items}], the likeliest first.
function readings(query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [];
  const result = [];
  if (LABELS) {
    const exact = new Set(DATA.labels.names.flatMap((name, code) => (name.toLowerCase() === wanted ? [code] : [])));
    const part = new Set(
      DATA.labels.names.flatMap((name, code) => (name.toLowerCase().includes(wanted) ? [code] : [])),
    );
    const codes = exact.size ? exact : part;
    const items = codes.size ? Array.from(LABELS.keys()).filter((i) => codes.has(LABELS[i])) : [];
    const names =
      [...codes]
        .slice(0, 3)
        .map((code) => `“${labelName(code)}”`)
        .join(", ") + (codes.size > 3 ? ", …" : "");
    if (items.length) result.push({ text: `label ${names}`, items });
  }
  const named = [];
  for (let i = 0; i < N; i++) if (DATA.ids[i].toLowerCase().includes(wanted)) named.push(i);
  if (named.length) result.push({ text: `name with “${query.trim()}”`, items: named });
  const saying = [];
  if (TEXTS) for (let i = 0; i < N; i++) if (TEXTS[i].toLowerCase().includes(wanted)) saying.push(i);
  if (saying.length) result.push({ text: `text with “${query.trim()}”`, items: saying });
  return result;
}

function fillFound() {
  const query = byId("query").value;
  found = readings(query);
  const box = byId("found");
  box.hidden = !query.trim();
  byId("found-note").textContent = !query.trim()
    ? ""
    : found.length
      ? found.map((one) => `${things(one.items.length)}, ${one.text}`).join("; ")
      : "nothing found";
  if (box.hidden) return;
  if (!found.length) {
    box.replaceChildren(make("p", { class: "quiet" }, "Nothing has such a label or name."));
    return;
  }
  const ways = found.map((one) =>
    make(
      "button",
      { type: "button", class: "way", on: { click: () => select(one) } },
      make("b", {}, `Select ${things(one.items.length)}`),
      ` ${one.text}`,
    ),
  );
  const first = found[found.length - 1].items.slice(0, FOUND_MOST);
  box.replaceChildren(
    ...ways,
    make(
      "div",
      { class: "strip" },
      first.map((item) => itemButton(item, 40)),
    ),
  );
}

function select(one) {
  closeFound();
  change({ selected: one.items });
  say(`${things(one.items.length)} selected.`);
}

function closeFound() {
  byId("found").hidden = true;
}

function buildSearch() {
  const field = byId("query");
  field.addEventListener("input", fillFound);
  field.addEventListener("focus", fillFound);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found.length) select(found[0]);
    if (event.key === "Escape") {
      closeFound();
      field.blur();
    }
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".search")) closeFound();
  });
}
