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
