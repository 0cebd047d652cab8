// ---- the grids: rows over steps, unpacked
const data = packed, MOST = 4;
const unpack = (grid) => grid.rows.map((row) => {
  let sum = 0;
  return row.map((each) => typeof each !== "number" ? each : (sum += each, grid.share ? sum / 1000 : sum / 100)); // shares, else logarithms
});
const grids = Object.fromEntries(Object.entries(data.grids).map(([key, grid]) => [key, {...grid, key, names: grid.names.map((place) => data.names[place]), values: unpack(grid)}]));
const told = (grid, value) => value === "0" ? "exactly zero" : value === "!" ? "not finite" : grid.share ? `${Number((value * 100).toPrecision(3))} %`
  : number(Number((10 ** value).toPrecision(2)));
const drawable = Object.keys(specs).length > 0;

// ---- what is drawn as lines
let chosen = data.picked.slice(0, MOST);
const family = (name) => { // a layer and its weights are chosen together
  const layer = Object.keys(data.links).find((key) => data.links[key].includes(name));
  return [name, ...(layer ? [layer] : []), ...(data.links[name] || [])];
};
const linesOf = (grid) => chosen.flatMap((one, s) => family(one).filter((name, place, all) => all.indexOf(name) === place && grid.names.includes(name)).flatMap((name) =>
  grid.values[grid.names.indexOf(name)].flatMap((value, x) => typeof value === "number" ? [{x: grid.steps[x], y: grid.share ? value : 10 ** value, name, s}] : [])));
const showPicked = () => {
  $("picked").replaceChildren(...chosen.map((name, place) => {
    const item = element("li", null), drop = element("button", "×", {type: "button", "aria-label": `Do not draw ${name}`});
    const line = element("span", "━ ", {class: `k${place}`, "aria-hidden": "true"});
    drop.addEventListener("click", () => { chosen = chosen.filter((each) => each !== name); picked(); });
    item.append(line, dotted(name), " ", drop);
    return item;
  }));
};
const picked = () => {
  showPicked();
  if (ready) lineCharts().map(chart);
};
const pick = (name) => {
  if (!name || chosen.includes(name)) return;
  chosen = [...chosen, name].slice(-MOST);
  picked();
};
$("pick").append(...data.names.map((name) => element("option", name)));
$("pick").addEventListener("change", (event) => { pick(event.target.value); event.target.value = ""; });

// ---- curves, over steps on a logarithmic or an even axis
const even = (spec) => {
  for (const each of spec.layer) {
    each.encoding.x.scale = {nice: false, zero: false};
    delete each.encoding.x.axis.values;
  }
  return spec;
};
const colour = () => ({bad: css("--bad"), soft: css("--soft"), paper: css("--paper")});
const lineCharts = () => [...(specs.loss ? ["loss"] : []), ...Object.keys(data.charts)];
const specOf = (name) => { // all quantities share a specification
  const own = data.charts[name], share = own && grids[name].share, spec = structuredClone(specs[own ? (share ? "share" : "level") : name]);
  if (own) for (const {encoding: {y}} of spec.layer) {
    y.scale.domain = own.domain;
    y.title = own.title;
    if (!share) Object.assign(y.axis, {values: own.ticks, tickCount: own.ticks.length || 1});
  }
  return spec;
};
const chart = (name) => {
  const spec = specOf(name), sets = {...data.sets[name]};
  if (grids[name]) sets.lines = linesOf(grids[name]);
  return view(name, $("axis").value === "even" ? even(spec) : spec, sets, colour());
};
$("axis").addEventListener("change", () => lineCharts().map(chart));

// ---- the map of layers over steps
const tail = (name, most) => name.length > most ? `…${name.slice(1 - most)}` : name;
const heat = () => {
  const grid = grids[$("quantity").value], box = $("chart-heat"), narrow = box.clientWidth < 640;
  const spec = structuredClone(specs.heat), cells = [], odd = [], rows = grid.names.map((_, place) => place);
  const place = new Map(grid.names.map((name, r) => [name, r]));
  grid.values.forEach((row, r) => row.forEach((v, x) => {
    if (v === null) return;
    (typeof v === "number" ? cells : odd).push({x, r, v, name: grid.names[r], step: grid.steps[x], told: told(grid, v)});
  }));
  const alerts = data.alerts.flatMap((each) => {
    const name = family(each.name).find((one) => place.has(one)), x = grid.steps.indexOf(each.step);
    return name === undefined || x < 0 ? [] : [{...each, x, r: place.get(name)}];
  });
  spec.height = Math.min(760, Math.max(90, rows.length * 15));
  box.style.minHeight = `${spec.height + 80}px`;
  for (const each of spec.layer) {
    each.encoding.x.scale.domain = grid.steps.map((_, x) => x);
    each.encoding.y.scale.domain = rows;
    if (grid.share && each.data.name === "cells") each.encoding.color.scale.domain = [0, 1];
  }
  $("heat-title").textContent = grid.title;
  $("heat-hint").textContent = `${data.hints[grid.key]} Point at a cell to read it, click to draw its row in the curves below. Triangles: alerts. Blank: nothing was seen.`;
  const names = grid.names.map((name) => tail(name, narrow ? 16 : 40));
  return view("heat", spec, {cells, odd, alerts}, {...colour(), steps: grid.steps.map(number), names, share: grid.share}).then((made) => {
    made.addEventListener("click", (_, item) => { if (item && item.datum && item.datum.name) pick(item.datum.name); });
  });
};
if (grids[data.first]) $("quantity").addEventListener("change", () => { if (ready) heat(); });
const draw = () => Promise.all([...lineCharts().map(chart), ...(specs.heat ? [heat()] : [])]);
showPicked();

// ---- all rows of a table, once it is opened
document.querySelectorAll(".chart").forEach((box) => {
  box.addEventListener("pointerleave", () => { tip.hidden = true; });
  const grid = grids[box.id.slice(6)], details = box.parentElement.querySelector("details");
  if (grid && details) details.addEventListener("toggle", () => {
    const heads = [...details.querySelectorAll("thead th")].slice(1).map((each) => grid.steps.indexOf(Number(each.textContent.replace(/\D/g, ""))));
    details.querySelector("tbody").append(...grid.names.map((name, r) => {
      const line = element("tr", null);
      line.append(element("th", name, {scope: "row"}), ...heads.map((x) => element("td", missing(grid.values[r][x]) ? "–" : told(grid, grid.values[r][x]), {class: "n"})));
      return line;
    }));
  }, {once: true});
});

// ---- the rules, copied
if ($("copy")) $("copy").addEventListener("click", async () => {
  const text = document.querySelector("pre.code");
  try { await navigator.clipboard.writeText(text.textContent); $("copied").textContent = " Copied."; }
  catch { getSelection().selectAllChildren(text); $("copied").textContent = " Selected: copy with the keyboard."; }
});
