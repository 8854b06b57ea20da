"use strict";
// What is shown of one chosen model, or of two side by side.

const MARKS = [{ color: "#D55E00", shape: "diamond" }, { color: "#009E73", shape: "square" }];
// Models of a size are those within this factor of it.
const SIZE_FACTOR = Math.SQRT2;
const NEIGHBOURS = 5;
const COMPARED = ["size", "layers", "d_model", "d_ffn", "heads"];

function table(caption, headings, lines) {
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell, place) =>
    make(place === 0 && tag === "td" ? "th" : tag,
      tag === "th" ? { scope: "col" } : place === 0 ? { scope: "row" } : {}, cell)));
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption },
    make("table", {},
      make("caption", { textContent: caption }),
      make("thead", {}, row(headings, "th")),
      make("tbody", {}, ...lines.map((cells) => row(cells, "td")))));
}

function facts(models, chosen) {
  const flag = (name, model) => {
    const value = models.value(name, model);
    return value === null ? "unknown" : value ? "yes" : "no";
  };
  const lines = models.structure.map((name) => [
    name === "size" ? "size (billions)" : name,
    ...chosen.flatMap((model) => [numberText(models.value(name, model)), models.origin(name, model) || "–"]),
  ]);
  const said = (heading, tell, origin = () => "Hub or leaderboard") =>
    lines.push([heading, ...chosen.flatMap((model) => [tell(model) ?? "–", tell(model) ? origin(model) : "–"])]);
  said("class", (model) => models.text("architecture", model));
  said("family", (model) => models.text("family", model), () => "rules on names, classes and shapes");
  said("training", (model) => models.text("training_type", model), () => "leaderboard");
  said("license", (model) => models.text("license", model));
  said("date", (model) => models.value("day", model) === null ? null : dayText(models.value("day", model)),
    (model) => (models.text("date_source", model) ?? "").replaceAll("_", " "));
  said("likes", (model) => models.value("likes", model)?.toLocaleString("en"));
  for (const name of ["is_moe", "is_multimodal", "is_quantized"]) {
    said(name.slice(3), (model) => flag(name, model), () => "config, tags, name or leaderboard");
  }
  const headings = ["field", ...chosen.flatMap((model) => [named(models.value("model_id", model)), "origin"])];
  return table("Structure and facts, with the origin of each value", headings, lines);
}

function scores(models, chosen) {
  const lines = models.benchmarks
    .filter((one) => chosen.some((model) => one.at.has(model)))
    .map((one) => [
      one.name,
      ...chosen.flatMap((model) => {
        const place = one.at.get(model);
        if (place === undefined) return ["–", "–"];
        const precision = one.precision[place] === null ? "" : `, ${one.precisions[one.precision[place]]}`;
        return [String(one.scores[place]), `${one.leaderboard}, ${dayText(one.days[place])}${precision}`];
      }),
    ]);
  if (!lines.length) return make("p", { className: "missing", textContent: "No leaderboard scored it." });
  const headings = ["benchmark", ...chosen.flatMap((model) => [named(models.value("model_id", model)), "origin"])];
  return table("Scores of the chosen models", headings, lines);
}

// Boxes are models of the first chosen one's size; marks are the chosen ones.
function besideItsSize(models, chosen) {
  const size = models.value("size", chosen[0]);
  const shown = models.benchmarks.filter((one) => chosen.some((model) => one.at.has(model)));
  if (!shown.length || !size) return null;
  const near = (model) => {
    const other = models.value("size", model);
    return other !== null && other <= size * SIZE_FACTOR && other >= size / SIZE_FACTOR;
  };
  const others = shown.flatMap((one) =>
    one.models.flatMap((model, place) => (near(model) ? [{ benchmark: one.name, score: one.scores[place] }] : [])));
  const own = shown.flatMap((one) => chosen.flatMap((model) => (one.at.has(model)
    ? [{ benchmark: one.name, score: models.score(one, model), name: models.value("model_id", model) }] : [])));
  const names = chosen.map((model) => models.value("model_id", model));
  const y = { field: "benchmark", type: "nominal", sort: shown.map((one) => one.name), title: null };
  const x = { field: "score", type: "quantitative", title: "score" };
  const legend = (range) => ({ field: "name", type: "nominal", title: null, scale: { domain: names, range },
    legend: { columns: 1 } });
  return {
    description: `Scores of ${names.join(" and ")} beside models of the first one's size`,
    height: { step: 24 },
    layer: [
      { data: { values: others }, mark: { type: "boxplot", extent: "min-max", color: "#8A8A8A", size: 10 },
        encoding: { x, y } },
      { data: { values: own }, mark: { type: "point", filled: true, size: 90 },
        encoding: { x, y, tooltip: [{ field: "name" }, { field: "score" }],
          color: legend(MARKS.map((one) => one.color).slice(0, names.length)),
          shape: legend(MARKS.map((one) => one.shape).slice(0, names.length)) } },
    ],
  };
}

// Doublings between two structures: the root mean square of the logarithms' differences.
function distance(models, a, b) {
  let [total, known] = [0, 0];
  for (const name of COMPARED) {
    const [left, right] = [models.value(name, a), models.value(name, b)];
    if (left > 0 && right > 0) {
      total += Math.log2(left / right) ** 2;
      known += 1;
    }
  }
  return known >= 3 ? Math.sqrt(total / known) : Infinity;
}

function neighbours(models, model, choose) {
  const key = (one) => COMPARED.slice(1).map((name) => models.value(name, one)).join(" ");
  const nearest = [...Array(models.count).keys()]
    .filter((other) => other !== model && models.value("layers", other) !== null)
    .map((other) => [distance(models, model, other), other])
    .filter(([apart]) => apart < Infinity)
    .sort((a, b) => a[0] - b[0] || (models.value("likes", b[1]) ?? 0) - (models.value("likes", a[1]) ?? 0) || a[1] - b[1]);
  const seen = new Map();
  for (const [apart, other] of nearest) {
    const one = seen.get(key(other));
    if (one) one.count += 1;
    else seen.set(key(other), { apart, other, count: 1 });
  }
  const lines = [...seen.values()].slice(0, NEIGHBOURS).map(({ apart, other, count }) => [
    make("button", { type: "button", onclick: () => choose(other, true) }, named(models.value("model_id", other))),
    apart.toFixed(2), count.toLocaleString("en"),
    ...COMPARED.map((name) => numberText(models.value(name, other))),
  ]);
  if (!lines.length) return make("p", { className: "missing", textContent: "Too little of its structure is known to find near ones." });
  return table("Nearest structures, each by its most liked model; the distance is in doublings",
    ["model", "distance", "models of this structure", ...COMPARED], lines);
}

function layerMaps(models, model) {
  const maps = models.layers[models.value("model_id", model)] ?? [];
  const values = maps.flatMap((map) => map.values.map(([layer, value]) => ({ what: map.what, on: map.on, layer, value })));
  if (!values.length) return [];
  return [...new Set(maps.map((map) => map.what))].map((what) => ({
    description: `${what} of each layer of ${models.value("model_id", model)}, by benchmark`,
    title: `${what}, by layer`,
    data: { values: values.filter((one) => one.what === what) },
    height: { step: 18 },
    mark: "rect",
    encoding: {
      x: { field: "layer", type: "ordinal", axis: { labelAngle: 0, labelOverlap: true } },
      y: { field: "on", type: "nominal", title: null },
      // Most layers change little, and one much: on a logarithmic scale all are told apart.
      color: { field: "value", type: "quantitative", title: null,
        scale: { scheme: "cividis", type: values.every((one) => one.what !== what || one.value > 0) ? "log" : "linear" } },
      tooltip: [{ field: "on" }, { field: "layer" }, { field: "value" }],
    },
  }));
}

function chooser(models) {
  let chosen = [];
  return function choose(model, isSecond) {
    chosen = isSecond && chosen.length && chosen[0] !== model ? [chosen[0], model] : [model];
    const names = chosen.map((one) => models.value("model_id", one));
    const heading = make("h3", { tabIndex: -1 }, named(names[0]));
    if (names[1]) heading.append(" beside ", named(names[1]));
    const size = besideItsSize(models, chosen);
    const specs = [...(size ? [size] : []), ...chosen.flatMap((one) => layerMaps(models, one))];
    const charts = specs.map(() => make("div", { className: "chart" }));
    byId("model-detail").replaceChildren(heading, facts(models, chosen), scores(models, chosen),
      size ? make("p", { className: "note", textContent: "Boxes: models within a factor of √2 of its size." }) : "",
      ...charts, neighbours(models, chosen[0], choose));
    charts.forEach((chart, place) => draw(chart, specs[place]));
    history.replaceState(null, "", `#model=${encodeURIComponent(names[0])}`);
    heading.focus();
  };
}
