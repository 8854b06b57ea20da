// The search: filters models, draws those found, and shows the ones that are chosen.
// Names come from anyone: they enter the page as text only.

const SHOWN = 25;
const DAY = 86400000;
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

const named = (text) => make("bdi", { textContent: text });
const dayText = (day) => (day === null ? "–" : new Date(day * DAY).toISOString().slice(0, 10));
const numberText = (value, digits = 4) => {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en", Number.isInteger(value) ? {} : { maximumSignificantDigits: digits });
};

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

class Models {
  constructor(data) {
    Object.assign(this, data);
    this.count = this.columns.model_id.length;
    this.lowered = this.columns.model_id.map((name) => name.toLowerCase());
    for (const one of this.benchmarks) {
      one.at = new Map(one.models.map((model, position) => [model, position]));
    }
  }
  value(name, model) { return this.columns[name][model]; }
  text(name, model) {
    const number = this.columns[name][model];
    return number === null ? null : this.texts[number];
  }
  origin(name, model) {
    const number = this.columns[`${name}_origin`][model];
    return number === null ? "" : this.origins[number];
  }
  score(benchmark, model) {
    const position = benchmark.at.get(model);
    return position === undefined ? null : benchmark.scores[position];
  }
}

function numberIn(id) {
  const text = byId(id).value.trim();
  return text === "" ? null : Number(text);
}

function found(models) {
  const wanted = byId("find-name").value.trim().toLowerCase();
  const kind = byId("find-class").value;
  const [smallest, largest] = [numberIn("find-smallest"), numberIn("find-largest")];
  const [first, last] = ["find-first", "find-last"].map((id) =>
    byId(id).value ? Date.parse(byId(id).value) / DAY : null);
  const { size, day, architecture } = models.columns;
  // A model whose value is not known is not within a limit.
  const within = (value, low, high) =>
    (low === null || (value !== null && value >= low)) && (high === null || (value !== null && value <= high));
  const matches = [];
  for (let model = 0; model < models.count; model += 1) {
    if (wanted && !models.lowered[model].includes(wanted)) continue;
    if (kind !== "" && architecture[model] !== Number(kind)) continue;
    if (!within(size[model], smallest, largest) || !within(day[model], first, last)) continue;
    matches.push(model);
  }
  return matches;
}

function scatter(models, benchmark, matches) {
  const values = matches
    .filter((model) => benchmark.at.has(model) && models.value("size", model) > 0)
    .map((model) => ({
      model,
      name: models.value("model_id", model),
      size: models.value("size", model),
      score: models.score(benchmark, model),
    }));
  return {
    description: `${benchmark.name} by size of the ${values.length} models found that have both`,
    data: { values },
    height: 240,
    mark: { type: "point", filled: true, opacity: 0.5, color: "#0072B2", cursor: "pointer" },
    encoding: {
      x: { field: "size", type: "quantitative", scale: { type: "log" }, title: "size (billions)" },
      y: { field: "score", type: "quantitative", scale: { zero: false }, title: benchmark.name },
      tooltip: [{ field: "name" }, { field: "size" }, { field: "score" }],
    },
  };
}

function result(models, benchmark, model, choose) {
  const name = models.value("model_id", model);
  const score = benchmark ? models.score(benchmark, model) : null;
  const facts = [
    models.value("size", model) === null ? null : `${numberText(models.value("size", model), 3)} B`,
    score === null ? null : `${benchmark.name} ${score}`,
    models.text("architecture", model),
  ].filter(Boolean);
  return make("li", {},
    make("button", { type: "button", className: "choose", onclick: () => choose(model, false) }, named(name)),
    " ",
    make("button", { type: "button", className: "compare", ariaLabel: `Compare with ${name}`,
      onclick: () => choose(model, true) }, "compare"),
    make("span", { className: "note", textContent: ` ${facts.join(", ")}` }));
}

function search(models, choose) {
  const benchmark = models.benchmarks[Number(byId("find-benchmark").value)];
  const matches = found(models);
  const rank = (model) => (benchmark && models.score(benchmark, model)) ?? -1;
  matches.sort((a, b) => rank(b) - rank(a) || (models.value("likes", b) ?? 0) - (models.value("likes", a) ?? 0) || a - b);
  const shown = matches.slice(0, SHOWN);
  byId("find-results").replaceChildren(...shown.map((model) => result(models, benchmark, model, choose)));
  const best = benchmark ? `, best on ${benchmark.name} first` : "";
  byId("find-count").textContent =
    `${matches.length.toLocaleString("en")} of ${models.count.toLocaleString("en")} models` +
    (matches.length > SHOWN ? `; the first ${SHOWN} are listed${best}.` : `${best}.`);
  const spec = benchmark && scatter(models, benchmark, matches);
  if (!spec || !spec.data.values.length) {
    byId("find-chart").replaceChildren(make("p", { className: "missing",
      textContent: `None of them has a size and a score on ${benchmark ? benchmark.name : "a benchmark"}.` }));
    return;
  }
  draw(byId("find-chart"), spec, "canvas").then(({ view }) => {
    view.addEventListener("click", (event, item) => {
      if (item && item.datum && item.datum.model !== undefined) choose(item.datum.model, event.shiftKey);
    });
  });
}

function fillChoices(models) {
  const counts = new Map();
  for (const kind of models.columns.architecture) {
    if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  byId("find-class").append(...kinds.map(([kind, count]) =>
    make("option", { value: kind, textContent: `${models.texts[kind]} (${count.toLocaleString("en")})` })));
  byId("find-benchmark").append(...models.benchmarks.map((one, number) =>
    make("option", { value: number, textContent: one.name, selected: one.name === "MMLU" })));
}

async function startFinder() {
  const models = new Models(await unpacked(byId("model-data").textContent.trim()));
  fillChoices(models);
  const choose = chooser(models);
  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search(models, choose), 120);
  };
  byId("find").addEventListener("input", soon);
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  search(models, choose);
  const [, asked] = location.hash.split("#model=");
  const model = asked ? models.columns.model_id.indexOf(decodeURIComponent(asked)) : -1;
  if (model >= 0) choose(model, false);
  document.documentElement.dataset.models = "ready";
}

// The charts come first: they are what is seen.
finished.then(startFinder).catch((error) => {
  byId("find-count").textContent = `The models cannot be searched (${error.message}).`;
});
