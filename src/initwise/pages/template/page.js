"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent), specs = JSON.parse($("specs").textContent);
  const views = {};
  let chosen = "";
  const byName = new Map(data.plan.map((row) => [row.name, row]));

  // ---- numbers and text
  const number = (value) => value === null || value === undefined ? "" : typeof value !== "number" ? String(value)
    : value === 0 ? "0" : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3)))
    : value.toExponential(1);
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
    for (const direction of ["forward", "backward"]) if (views[direction]) views[direction].signal("chosen", name).runAsync();
    detail(byName.get(name));
    if (scroll) {
      if (!shown.some((each) => each.row.name === name)) { $("filter").value = ""; $("role").value = ""; $("found").checked = false; filter(); }
      rows.find((each) => each.row.name === name).line.scrollIntoView({block: "nearest"});
    }
  };
  const detail = (row) => {
    const box = $("detail"), list = element("dl", null);
    const told = [["law", row.law], ["shape", `${row.shape} (${row.n.toLocaleString("en")})`], ["fans", row.fan_in === null ? "" : `in ${row.fan_in}, out ${row.fan_out}`],
      ["role", row.role], ["rule", row.rule], ["why", row.reason], ["also", row.aliases.join(", ")], ["other plan", row.other || ""], ["findings", row.found.join(" ")]];
    for (const kind of ["predicted", "measured"]) if (row[kind]) {
      told.push([`${kind} E[x²]`, number(row[kind].output)], [`${kind} E[g²]`, row[kind].gradient === null ? row[kind].why : number(row[kind].gradient)]);
      if (row[kind].sgd !== undefined) told.push(["|update| / |weight|", `SGD ${number(row[kind].sgd)}, Adam ${number(row[kind].adam)}`]);
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
      whenReady(() => view("bins", specs.bins, {bins: values}));
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
    return {background: null, font: "system-ui, sans-serif", axis, axisY: {tickCount: 5, format: "~g"}, legend: {labelColor: ink, labelFontSize: 12}, view: {stroke: null},
      range: {category: range}, bar: {color: range[0]}, area: {color: range[2]}, point: {color: range[0]}, line: {color: range[0]}};
  };
  const view = (name, spec, sets) => {
    const box = $(`chart-${name}`);
    if (!box) return;
    if (views[name]) views[name].finalize();
    const made = new vega.View(vega.parse(vegaLite.compile({...spec, config: colours()}).spec), {renderer: "svg", container: box, hover: true});
    for (const [key, values] of Object.entries(sets)) made.data(key, structuredClone(values));
    views[name] = made;
    return made.runAsync();
  };
  const draw = () => {
    for (const direction of ["forward", "backward"]) {
      const layers = data.layers.filter((each) => each.d === direction), bands = data.bands.filter((each) => each.d === direction);
      const box = $(`chart-${direction}`);
      if (!box) continue;
      if (!layers.length) { box.textContent = "No numbers to draw: the notes say why."; continue; }
      view(direction, specs[direction], {layers, bands});
      views[direction].signal("chosen", chosen).runAsync();
      views[direction].addEventListener("click", (event, item) => { if (item && item.datum && item.datum.p) choose(item.datum.p, true); });
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
  requestAnimationFrame(() => setTimeout(start, 0));
  window.addEventListener("beforeprint", () => { for (const made of Object.values(views)) made.resize().run(); });
})();
