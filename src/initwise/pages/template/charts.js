// ---- charts: Vega stands below this script, and is run once the rest of the page is shown
const views = {};
let ready = false;
const load = (id) => { const script = document.createElement("script"); script.textContent = $(id).textContent; document.head.append(script); };
const colours = () => {
  const ink = css("--ink"), line = css("--line"), range = [css("--k0"), css("--k1"), css("--k2")];
  const axis = {labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12};
  return {background: null, font: "system-ui, sans-serif", axis, axisY: {tickCount: 5, titlePadding: 8, minExtent: 44}, view: {stroke: null},
    range: {category: range}, bar: {color: range[0]}, area: {color: css("--soft")}, rect: {color: css("--accent")}, point: {color: range[0]}, line: {color: range[0]}};
};
const drop = (name) => { if (views[name]) views[name].finalize(); delete views[name]; };
const view = (name, spec, sets, signals = {}) => {
  const box = $(`chart-${name}`);
  if (!box) return null;
  drop(name);
  const description = box.dataset.label ??= box.getAttribute("aria-label"); // Vega writes its own over it
  const params = (spec.params || []).map((each) => ({...each, value: signals[each.name] ?? each.value}));
  const made = new vega.View(vega.parse(vegaLite.compile({...spec, description, params, config: colours()}).spec), {renderer: "canvas", container: box, hover: true});
  made.tooltip((handler, event, item, value) => { box.title = value ? Object.entries(value).map((each) => each.join(" ")).join("\n") : ""; });
  for (const [key, values] of Object.entries(sets)) made.data(key, structuredClone(values));
  box.setAttribute("role", "img");
  views[name] = made;
  return made.runAsync();
};

// ---- the two charts of the signal: they share what is zoomed, pointed at and chosen
const kinds = data.series.map((name) => ({predicted: 0, measured: 1})[name] ?? 2);
const all = [-0.5, Math.max(data.points.length - 0.5, 0.5)];
let range = all, near = -1;
const side = {forward: "f", backward: "b"};
const directions = Object.keys(side).filter((direction) => $(`chart-${direction}`));
const positive = (value) => typeof value === "number" && value > 0;
const sets = (direction) => {
  const key = side[direction], points = [], lines = [];
  data.points.forEach((each, x) => each[key].forEach((y, place) => {
    if (positive(y)) points.push({x, y, s: kinds[place], m: each.m || "the model", k: each.k, c: each.c, first: place === each[key].findIndex(positive)});
  }));
  data.paths.forEach((path, number) => path.forEach((x) => data.points[x][key].forEach((y, place) => {
    if (positive(y)) lines.push({x, y, s: kinds[place], path: number});
  })));
  return {points, lines, bands: data.bands[direction] || [], drag: []};
};
const made = Object.fromEntries(directions.map((direction) => [direction, sets(direction)]));
const ends = (direction) => {
  const logs = made[direction].points.filter((each) => each.x >= range[0] && each.x <= range[1]).map((each) => Math.log10(each.y));
  if (!logs.length) return {y0: 0.1, y1: 10, levels: [0.1, 1, 10]};
  const least = Math.min(...logs), most = Math.max(...logs), room = Math.max((most - least) * 0.12, 0.3), low = least - room, high = most + room;
  const step = Math.ceil((high - low) / 6), levels = [];
  for (let power = Math.floor(low / step) * step; power <= high; power += step) levels.push(...(high - low < 2 ? [1, 2, 5] : [1]).map((each) => each * Number(`1e${power}`)));
  return {y0: 10 ** low, y1: 10 ** high, levels};
};
const ticks = (direction) => { // as many names of blocks as have room, at even distances
  const inside = Object.keys(data.blocks).map(Number).filter((x) => x >= range[0] && x <= range[1]);
  const longest = Math.max(...inside.map((x) => data.blocks[x].length), 0), room = Math.max(1, ($(`chart-${direction}`).clientWidth - 60) / Math.min(90, 7 * longest + 14));
  return inside.filter((_, place) => place % Math.ceil(inside.length / room) === 0);
};
const places = (name) => { const at = data.plan.findIndex((row) => row.name === name); return data.points.flatMap((each, x) => each.p.includes(at) ? [x] : []); };
const signals = (direction) => ({x0: range[0], x1: range[1], ...ends(direction), near, chosen: chosen ? places(chosen) : [], ticks: ticks(direction), names: data.blocks, ink: css("--ink"), bad: css("--bad")});
const mark = () => directions.filter((direction) => views[direction]).forEach((direction) => {
  const now = signals(direction);
  for (const name of ["x0", "x1", "y0", "y1", "ticks", "levels", "near", "chosen"]) views[direction].signal(name, now[name]);
  views[direction].runAsync();
});
const zoom = (low, high) => { // what reaches beyond an end is moved back, so that a step aside keeps its width
  const whole = all[1] - all[0], width = Math.min(high - low, whole);
  if (width < Math.min(2, whole)) return;
  const from = Math.min(Math.max(low, all[0]), all[1] - width);
  range = [from, from + width];
  $("range").textContent = width < whole ? `layers ${number(Math.ceil(from) + 1)} to ${number(Math.floor(from + width) + 1)} of ${number(data.points.length)}` : "";
  mark();
};
document.querySelectorAll("[data-zoom]").forEach((each) => each.addEventListener("click", () => {
  const [low, high] = range, width = high - low, far = {in: [width / 4, -width / 4], out: [-width / 2, width / 2], left: [-width / 2, -width / 2], right: [width / 2, width / 2]}[each.dataset.zoom];
  zoom(...(far ? [low + far[0], high + far[1]] : all));
}));
