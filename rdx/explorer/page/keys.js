// The keyboard, the help and the theme.

const KEYS = {
  n: () => stepConcept(1),
  ArrowRight: () => stepConcept(1),
  p: () => stepConcept(-1),
  ArrowLeft: () => stepConcept(-1),
  d: () => goTo(DIRECTIONS.find((one) => one !== state.direction)),
  m: () => change({ kind: KINDS[(KINDS.indexOf(state.kind) + 1) % KINDS.length] }),
  v: () => change({ layout: state.layout === "pair" ? "passage" : "pair" }),
  " ": play,
  "/": () => byId("query").focus(),
  "?": () => byId("help").showModal(),
  Escape: () => change(state.selected.length ? { selected: [] } : { item: null }),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || byId("help").open) return;
  const target = event.target;
  if (target.closest("input, select, textarea")) return;
  if (event.key === " " && target.closest("button, summary")) return; // it presses them
  const act = KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

const THEME = "rdx-explorer-theme";

// Storage may be closed to files opened from disk; the theme is then the system's, each time.
function storedTheme() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Switch to the ${theme === "dark" ? "light" : "dark"} theme`);
}

function buildKeys() {
  document.addEventListener("keydown", onKey);
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  byId("help").addEventListener("click", (event) => event.target === byId("help") && byId("help").close());
  byId("skip").addEventListener("click", () => byId("main").focus());
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(storedTheme() || (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (storedTheme()) return;
    setTheme(system.matches ? "dark" : "light");
    fillAll();
  });
  byId("theme").addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    try {
      localStorage.setItem(THEME, document.documentElement.dataset.theme);
    } catch {
      // as above
    }
    fillAll();
  });
}
