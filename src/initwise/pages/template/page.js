"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent), specs = JSON.parse($("specs").textContent);
  const views = {};
  let chosen = "";
  const byName = new Map(data.plan.map((row) => [row.name, row]));

  // ---- numbers and text
  const number = (value) => value === null || value === undefined ? "" : typeof value !== "number" ? String(value)
    : Number.isInteger(value) ? value.toLocaleString("en") : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3)))
    : Number(value.toPrecision(3)).toExponential().replace("e+", "e");
  const at = (row, key) => key.split(".").reduce((found, part) => found === null || found === undefined ? null : found[part], row);
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // ---- theme
  const root = document.documentElement, button = $("theme");
  const prefers = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    button.textContent = dark ? "Light" : "Dark";
    if (Object.keys(views).length) draw();
  };
  button.addEventListener("click", () => theme(root.dataset.theme !== "dark"));
  prefers.addEventListener("change", (event) => theme(event.matches));
  theme(prefers.matches);

  // ---- table
  const keys = [...document.querySelectorAll("#table thead button")].map((each) => each.dataset.key);
  const body = document.querySelector("#table tbody");
  const rows = data.plan.map((row) => {
    const line = element("tr", null, {tabindex: "0", "aria-selected": "false"});
    keys.forEach((key, place) => {
      const value = at(row, key);
      if (place === 0) {
        const head = element("th", null, {scope: "row"});
        head.append(element("code", value));
        if (row.found.length) head.append(element("span", " ▲ " + row.found.join(" "), {class: "tag"}));
        line.append(head);
      } else line.append(element("td", number(value), typeof value === "number" ? {class: "n"} : {}));
    });
    line.dataset.name = row.name;
    return {row, line, text: [row.name, row.shape, row.law, row.role, row.operation, row.rule, row.reason, ...row.aliases].join(" ").toLowerCase()};
  });
  let shown = rows;
  const fill = () => body.replaceChildren(...shown.map((each) => each.line));
  const filter = () => {
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean), role = $("role").value, found = $("found").checked;
    shown = rows.filter((each) => words.every((word) => each.text.includes(word)) && (!role || each.row.role === role) && (!found || each.row.found.length));
    fill();
    $("count").textContent = `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };
  const sort = (key, head) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    document.querySelectorAll("#table thead th").forEach((each) => each.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const sign = up ? 1 : -1;
    rows.sort((one, other) => {
      const a = at(one.row, key), b = at(other.row, key);
      if (a === null || a === undefined || a === "") return b === null || b === undefined || b === "" ? 0 : 1;
      if (b === null || b === undefined || b === "") return -1;
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", {numeric: true}));
    });
    filter();
  };
  document.querySelectorAll("#table thead button").forEach((each) => each.addEventListener("click", () => sort(each.dataset.key, each.parentElement)));
  [...new Set(data.plan.map((row) => row.role))].filter(Boolean).sort().forEach((role) => $("role").append(element("option", role)));
  for (const [id, kind] of [["filter", "input"], ["role", "change"], ["found", "change"]]) $(id).addEventListener(kind, filter);
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) choose(line.dataset.name);
  });
  body.addEventListener("keydown", (event) => {
    const line = event.target.closest("tr");
    if (!line) return;
    if (event.key === "Enter" || event.key === " ") choose(line.dataset.name);
    else if (event.key === "ArrowDown") (line.nextElementSibling || line).focus();
    else if (event.key === "ArrowUp") (line.previousElementSibling || line).focus();
    else return;
    event.preventDefault();
  });
  filter();

  // ---- one parameter
  const choose = (name, scroll = false) => {
    if (!byName.has(name)) return;
    chosen = name;
    for (const {row, line} of rows) line.setAttribute("aria-selected", String(row.name === name));
    mark();
    detail(byName.get(name));
    if (scroll) {
      if (!shown.some((each) => each.row.name === name)) { $("filter").value = ""; $("role").value = ""; $("found").checked = false; filter(); }
      rows.find((each) => each.row.name === name).line.scrollIntoView({block: "nearest"});
    }
  };
  const detail = (row) => {
    const box = $("detail"), list = element("dl", null);
    const told = [["law", row.law], ["shape", `${row.shape} (${row.n.toLocaleString("en")})`], ["fans", row.fan_in === null ? "" : `in ${row.fan_in}, out ${row.fan_out}`],
      ["role", row.role], ["rule", row.rule], ["why", row.reason], ["also", row.aliases.join(", ")], ["other plan", row.other || ""], ["in memory", row.verified], ["findings", row.found.join(" ")]];
    for (const kind of ["predicted", "measured"]) if (row[kind]) {
      told.push([`${kind} E[x²]`, number(row[kind].output)], [`${kind} E[g²]`, row[kind].gradient === null ? row[kind].why : number(row[kind].gradient)]);
      if (typeof row[kind].sgd === "number") told.push(["first update / weight", `SGD ${number(row[kind].sgd)}, Adam ${number(row[kind].adam)}`]);
    }
    for (const [name, text] of told) if (text) list.append(element("dt", name), element("dd", text));
    box.replaceChildren(element("h3", row.name), list);
    const bins = data.bins[row.name];
    if (bins) {
      const total = bins.counts.reduce((sum, each) => sum + each, 0), count = Math.max(bins.counts.length, bins.expected.length), step = (bins.high - bins.low) / count;
      const values = Array.from({length: count}, (_, place) => ({at: bins.low + place * step, to: bins.low + (place + 1) * step, middle: bins.low + (place + 0.5) * step,
        share: total ? bins.counts[place] / total : 0, expected: bins.expected.length ? bins.expected[place] : null}));
      box.append(element("div", null, {class: "chart small", id: "chart-bins", role: "img", "aria-label": `Histogram of ${row.name}: bars are its values, the dashed line is its law`}));
      box.append(element("p", total ? "Bars: the values as they are now. Dashed: what the law expects." : "Dashed: what the law expects; there are no values yet.", {class: "hint"}));
      whenReady(() => view("bins", specs.bins, {bins: values}, {bad: css("--bad")}));
    }
  };

  // ---- charts
  let ready = false;
  const waiting = [];
  const whenReady = (action) => ready ? action() : waiting.push(action);
  const load = (id) => { const script = document.createElement("script"); script.textContent = $(id).textContent; document.head.append(script); };
  const colours = () => {
    const style = getComputedStyle(root), ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim(), dark = root.dataset.theme === "dark";
    const axis = {labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12};
    const range = dark ? ["#8ab8f5", "#f0b45c", "#7fd09c"] : ["#1a5fb4", "#b35c00", "#1b6e3c"];
    return {background: null, font: "system-ui, sans-serif", axis, axisY: {tickCount: 5, titlePadding: 8, minExtent: 44}, legend: {labelColor: ink, labelFontSize: 12}, view: {stroke: null},
      range: {category: range}, bar: {color: range[0]}, area: {color: range[2]}, point: {color: range[0]}, line: {color: range[0]}};
  };
  const view = (name, spec, sets, signals = {}) => {
    const box = $(`chart-${name}`);
    if (!box) return null;
    if (views[name]) views[name].finalize();
    const params = (spec.params || []).map((each) => ({...each, value: signals[each.name] ?? each.value}));
    const made = new vega.View(vega.parse(vegaLite.compile({...spec, params, config: colours()}).spec), {renderer: "canvas", container: box, hover: true});
    made.tooltip((handler, event, item, value) => { box.title = value ? Object.entries(value).map((each) => each.join(" ")).join("\n") : ""; });
    for (const [key, values] of Object.entries(sets)) made.data(key, structuredClone(values));
    views[name] = made;
    made.runAsync();
    return made;
  };
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // ---- the two charts of the signal: they share what is zoomed, pointed at and chosen
  const kinds = data.series.map((name) => ({predicted: 0, measured: 1})[name] ?? 2);
  const all = [-0.5, Math.max(data.points.length - 0.5, 0.5)];
  let range = all, near = -1;
  const side = {forward: "f", backward: "b"};
  const positive = (value) => typeof value === "number" && value > 0;
  const sets = (direction) => {
    const key = side[direction], points = [], lines = [];
    data.points.forEach((each, x) => each[key].forEach((y, place) => {
      if (positive(y)) points.push({x, y, s: kinds[place], m: each.m || "the model", k: each.k, c: each.c || 0, first: place === each[key].findIndex(positive)});
    }));
    data.paths.forEach((path, number) => path.forEach((x) => data.points[x][key].forEach((y, place) => {
      if (positive(y)) lines.push({x, y, s: kinds[place], path: number});
    })));
    return {points, lines, bands: data.bands[direction] || [], drag: []};
  };
  const made = {forward: sets("forward"), backward: sets("backward")};
  const ends = (direction) => {
    const logs = made[direction].points.filter((each) => each.x >= range[0] && each.x <= range[1]).map((each) => Math.log10(each.y));
    if (!logs.length) return {y0: 0.1, y1: 10, levels: [0.1, 1, 10]};
    const least = Math.min(...logs), most = Math.max(...logs), room = Math.max((most - least) * 0.12, 0.3), low = least - room, high = most + room;
    const step = Math.ceil((high - low) / 6), levels = [];
    for (let power = Math.floor(low / step) * step; power <= high; power += step) levels.push(...(high - low < 2 ? [1, 2, 5] : [1]).map((each) => each * Number(`1e${power}`)));
    return {y0: 10 ** low, y1: 10 ** high, levels};
  };
  const ticks = Object.keys(data.blocks).map(Number);
  const places = (name) => { const at = data.plan.findIndex((row) => row.name === name); return data.points.flatMap((each, x) => each.p.includes(at) ? [x] : []); };
  const signals = (direction) => ({x0: range[0], x1: range[1], ...ends(direction), near, chosen: chosen ? places(chosen) : [], ticks, names: data.blocks, ink: css("--ink"), bad: css("--bad")});
  const charts = () => ["forward", "backward"].filter((direction) => views[direction]);
  const mark = () => charts().forEach((direction) => {
    const now = signals(direction);
    for (const name of ["x0", "x1", "y0", "y1", "levels", "near", "chosen"]) views[direction].signal(name, now[name]);
    views[direction].runAsync();
  });
  const zoom = (low, high) => {
    const [from, until] = [Math.max(all[0], low), Math.min(all[1], high)];
    range = until - from < 2 ? range : [from, until];
    mark();
  };
  document.querySelectorAll("[data-zoom]").forEach((each) => each.addEventListener("click", () => {
    const middle = (range[0] + range[1]) / 2, half = (range[1] - range[0]) / 2 * ({in: 0.5, out: 2})[each.dataset.zoom];
    if (each.dataset.zoom === "all") zoom(...all); else zoom(middle - half, middle + half);
  }));
  const tip = element("div", null, {class: "tip", hidden: ""});
  document.body.append(tip);
  const inside = (direction, event) => {
    const shape = $(`chart-${direction}`).querySelector("canvas").getBoundingClientRect(), [left, top] = views[direction].origin();
    return [event.clientX - shape.left - left, event.clientY - shape.top - top];
  };
  const nearest = (direction, event) => {
    const [px, py] = inside(direction, event), X = views[direction].scale("x"), Y = views[direction].scale("y");
    let best = null, reach = 24 ** 2;
    for (const each of made[direction].points) {
      const far = (X(each.x) - px) ** 2 + (Y(each.y) - py) ** 2;
      if (far < reach && each.x >= range[0] && each.x <= range[1]) [best, reach] = [each, far];
    }
    return best;
  };
  const told = (x) => {
    const each = data.points[x], list = element("dl", null);
    tip.replaceChildren(element("b", each.m || "the model"), element("div", each.o + (each.c ? ": to blame" : "")), list);
    data.series.forEach((name, place) => list.append(element("dt", name), element("dd", `E[x²] ${number(each.f[place]) || "unknown"}, E[g²] ${number(each.b[place]) || "unknown"}`)));
  };
  const point = (direction, event) => {
    const found = nearest(direction, event), x = found ? found.x : -1;
    tip.hidden = !found;
    if (found) {
      told(x);
      tip.style.left = `${Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 14}px`;
    }
    if (x !== near) { near = x; mark(); }
  };
  const listen = (direction) => {
    const box = $(`chart-${direction}`);
    let start = null;
    const at = (event) => views[direction].scale("x").invert(inside(direction, event)[0]);
    box.addEventListener("pointerleave", () => { tip.hidden = true; if (near >= 0) { near = -1; mark(); } });
    box.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse" && event.button === 0) start = event; });
    box.addEventListener("pointermove", (event) => {
      if (!start) { point(direction, event); return; }
      const [low, high] = [at(start), at(event)].sort((a, b) => a - b);
      views[direction].data("drag", [{low, high}]).runAsync();
    });
    window.addEventListener("pointerup", (event) => {
      if (!start) return;
      const moved = Math.abs(event.clientX - start.clientX) > 8, [low, high] = [at(start), at(event)].sort((a, b) => a - b);
      start = null;
      views[direction].data("drag", []).runAsync();
      if (moved) zoom(low, high);
    });
    box.addEventListener("click", (event) => {
      const found = nearest(direction, event), at = found ? data.points[found.x].p[0] : undefined;
      if (at !== undefined) choose(data.plan[at].name, true);
    });
    box.addEventListener("dblclick", () => zoom(...all));
  };
  for (const direction of ["forward", "backward"]) if ($(`chart-${direction}`)) listen(direction);
  window.initwise = {
    chosen: () => chosen,
    range: () => range,
    place: (direction, name) => {
      const x = places(name)[0], found = made[direction].points.find((each) => each.x === x), [left, top] = views[direction].origin();
      return {x: views[direction].scale("x")(x) + left, y: views[direction].scale("y")(found.y) + top};
    },
  };
  const draw = () => {
    for (const direction of ["forward", "backward"]) {
      const box = $(`chart-${direction}`);
      if (!box) continue;
      if (!made[direction].points.length) { box.textContent = "No numbers to draw: the notes say why."; continue; }
      view(direction, specs[direction], made[direction], signals(direction));
    }
    if (chosen && $("chart-bins")) detail(byName.get(chosen));
  };
  const start = () => {
    load("vega");
    load("vegalite");
    ready = true;
    draw();
    waiting.splice(0).forEach((action) => action());
    root.dataset.drawn = "yes";
  };
  let started = false;
  const once = () => { if (!started) { started = true; start(); } };
  const soon = () => {
    requestAnimationFrame(() => setTimeout(once, 0));
    setTimeout(once, 250); // a tab in the background paints nothing
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", soon); // Vega stands below this script
  else soon();
})();
