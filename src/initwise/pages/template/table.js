// ---- what is known of the model, as rows
const data = {...packed, plan: rowsOf(packed.plan), points: rowsOf(packed.points), bins: new Map(rowsOf(packed.bins).map((each) => [each.name, each]))};

// ---- the table: filtered, sorted; the arrows go from row to row, and the tabulator stops at one of them
let chosen = "";
const byName = new Map(data.plan.map((row) => [row.name, row]));
const keys = [...document.querySelectorAll("#table thead button")].map((each) => each.dataset.key);
const body = document.querySelector("#table tbody");
const lineOf = (row) => {
  const line = element("tr", null), head = element("th", null, {scope: "row"}), open = element("button", null, {type: "button", tabindex: "-1", "aria-pressed": "false"});
  open.append(dotted(row.name));
  head.append(open);
  if (row.found.length) head.append(element("span", ` ▲ ${row.found.join(" ")}`, {class: "tag"}));
  line.append(head, ...keys.slice(1).map((key) => element("td", number(row[key]), typeof row[key] === "number" ? {class: "n"} : {})));
  line.dataset.name = row.name;
  return {row, line, open, text: [row.name, row.shape, row.law, row.role, row.operation, row.rule, row.reason, ...row.found, ...row.aliases].join(" ").toLowerCase()};
};
const rows = data.plan.map(lineOf);
let shown = rows;
const stop = (open) => {
  body.querySelectorAll('button[tabindex="0"]').forEach((each) => { each.tabIndex = -1; });
  if (open) open.tabIndex = 0;
};
const filter = () => {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean), role = $("role").value, found = $("found").checked;
  shown = rows.filter((each) => words.every((word) => each.text.includes(word)) && (!role || each.row.role === role) && (!found || each.row.found.length));
  body.replaceChildren(...shown.map((each) => each.line));
  stop((shown.find((each) => each.row.name === chosen) || shown[0] || {}).open);
  $("count").textContent = shown.length === rows.length ? `all ${number(rows.length)}` : `${number(shown.length)} of ${number(rows.length)}`;
  $("none").hidden = shown.length > 0;
};
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
  : typeof a !== typeof b ? (typeof a === "number" ? -1 : 1) : String(a).localeCompare(String(b), "en", {numeric: true});
const sort = (key, head) => {
  const up = head.getAttribute("aria-sort") !== "ascending", sign = up ? 1 : -1;
  document.querySelectorAll("#table thead th").forEach((each) => each.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  rows.sort(({row: one}, {row: other}) => missing(one[key]) || missing(other[key]) ? missing(one[key]) - missing(other[key]) : sign * compare(one[key], other[key]));
  filter();
};
document.querySelectorAll("#table thead button").forEach((each) => each.addEventListener("click", () => sort(each.dataset.key, each.parentElement)));
[...new Set(data.plan.map((row) => row.role))].filter(Boolean).sort().forEach((role) => $("role").append(element("option", role)));
for (const [id, kind] of [["filter", "input"], ["role", "change"], ["found", "change"]]) $(id).addEventListener(kind, filter);
body.addEventListener("click", (event) => {
  const line = event.target.closest("tr");
  if (line) choose(line.dataset.name);
});
body.addEventListener("focusin", (event) => { if (event.target.matches("button")) stop(event.target); });
body.addEventListener("keydown", (event) => {
  const line = event.target.closest("tr");
  const next = line && {ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild}[event.key];
  if (!next) return;
  next.querySelector("button").focus();
  event.preventDefault();
});

// ---- one parameter
const choose = (name, scroll = false) => {
  if (!byName.has(name)) return;
  chosen = name;
  for (const {row, line, open} of rows) {
    line.classList.toggle("chosen", row.name === name);
    open.setAttribute("aria-pressed", String(row.name === name));
  }
  mark();
  detail(byName.get(name));
  if (!scroll) return;
  if (!shown.some((each) => each.row.name === name)) { $("filter").value = ""; $("role").value = ""; $("found").checked = false; filter(); }
  rows.find((each) => each.row.name === name).line.scrollIntoView({block: "nearest"});
};
const toldOf = (row) => {
  const told = [["law", row.law], ["shape", `${row.shape} (${row.n.toLocaleString("en")})`], ["fans", row.fan_in === null ? "" : `in ${row.fan_in}, out ${row.fan_out}`],
    ["role", row.role], ["rule", row.rule], ["why", row.reason], ["also", row.aliases.join(", ")], ["other plan", row.other || ""], ["in memory", row.verified], ["findings", row.found.join(" ")]];
  for (const kind of ["predicted", "measured"]) if (`${kind}.output` in row) {
    const [output, gradient, why, sgd, adam] = ["output", "gradient", "why", "sgd", "adam"].map((key) => row[`${kind}.${key}`]);
    told.push([`E[x²] ${kind}`, number(output)], [`E[g²] ${kind}`, missing(gradient) ? why : number(gradient)]);
    if (typeof sgd === "number" && typeof adam === "number") told.push(["first step / weight", `SGD ${number(sgd)}, Adam ${number(adam)}`]);
  }
  return told.filter(([, text]) => text);
};
const detail = (row) => {
  const list = element("dl", null), bins = data.bins.get(row.name);
  for (const [name, text] of toldOf(row)) list.append(element("dt", name), element("dd", text));
  drop("bins");
  $("detail").replaceChildren(dotted(row.name, "h3"), list);
  if (!bins) return;
  const total = bins.counts.reduce((sum, each) => sum + each, 0), count = Math.max(bins.counts.length, bins.expected.length), step = (bins.high - bins.low) / count;
  const values = Array.from({length: count}, (_, place) => ({at: bins.low + place * step, to: bins.low + (place + 1) * step, middle: bins.low + (place + 0.5) * step,
    share: total ? bins.counts[place] / total : 0, expected: bins.expected.length ? bins.expected[place] : null}));
  const words = [total ? "Bars: the values as they are now." : "There are no values yet.", bins.expected.length ? "Dashed: what the law expects." : ""].filter(Boolean).join(" ");
  $("detail").append(element("div", null, {class: "chart small", id: "chart-bins", role: "img", "aria-label": `Histogram of ${row.name}. ${words}`}), element("p", words, {class: "hint"}));
  if (ready) view("bins", specs.bins, {bins: values}, {bad: css("--bad")}); // else it is drawn with the other charts
};
