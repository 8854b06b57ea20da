"use strict";
// Draws each chart from its specification, as wide as there is room, and again when that changes.

const chartConfig = JSON.parse(document.getElementById("chart-config").textContent);
const PANEL = 250;
const AXIS = 62;
const NARROW = 520;

// Panels stand side by side where there is room, and below each other on a phone.
function fitted(spec, width) {
  const fit = structuredClone(spec);
  if (fit.facet) {
    const columns = Math.max(1, Math.min(fit.columns || 1, Math.floor(width / PANEL)));
    fit.columns = columns;
    fit.spec.width = Math.max(120, Math.floor(width / columns) - AXIS);
  } else {
    fit.width = width;
    fit.autosize = { type: "fit-x", contains: "padding" };
  }
  return fit;
}

// Long names give way to the chart on a phone, but in legends, which get a line for each.
function configured(spec, width) {
  if (width >= NARROW) return chartConfig;
  const { axis, legend } = chartConfig;
  const domains = [...JSON.stringify(spec).matchAll(/"domain":(\["[^\]]*\])/g)].flatMap((found) => JSON.parse(found[1]));
  const columns = domains.some((name) => name.length > 22) ? 1 : 2;
  return { ...chartConfig, axis: { ...axis, labelLimit: 130 }, legend: { ...legend, columns, labelLimit: 300 / columns } };
}

function draw(element, spec, renderer = "svg") {
  const width = Math.floor(element.getBoundingClientRect().width) || 320;
  element.dataset.width = width;
  const options = { config: configured(spec, width), renderer, actions: false, logLevel: 1 };
  return vegaEmbed(element, fitted(spec, width), options);
}

async function drawAll(isStale) {
  for (const element of document.querySelectorAll(".chart[data-spec]")) {
    if (!isStale(element)) continue;
    const spec = JSON.parse(document.getElementById(element.dataset.spec).textContent);
    await draw(element, spec).catch((error) => {
      element.textContent = `This chart cannot be drawn (${error.message}); its numbers are below.`;
    });
  }
  document.documentElement.dataset.charts = "drawn";
}

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => drawAll((one) => Math.abs(one.clientWidth - one.dataset.width) > 20), 200);
});
const finished = drawAll(() => true);
