// ---- the theme: the system's until the button is pressed
const button = $("theme"), prefers = window.matchMedia("(prefers-color-scheme: dark)");
let asked = false;
const theme = (dark) => {
  root.dataset.theme = dark ? "dark" : "light";
  button.textContent = dark ? "Light" : "Dark";
  button.setAttribute("aria-label", dark ? "Light theme" : "Dark theme");
  if (ready) draw();
};
button.addEventListener("click", () => { asked = true; theme(root.dataset.theme !== "dark"); });
prefers.addEventListener("change", (event) => { if (!asked) theme(event.matches); });

// ---- all of it, once
const draw = () => {
  const drawn = directions.map((direction) => view(direction, specs[direction], made[direction], signals(direction)));
  if (chosen) detail(byName.get(chosen));
  return Promise.all(drawn);
};
const start = async () => {
  if (directions.length || data.bins.size) { load("vega"); load("vegalite"); ready = true; }
  await draw();
  root.dataset.drawn = "yes";
};
window.initwise = {
  chosen: () => chosen,
  range: () => range,
  place: (direction, name) => {
    const x = places(name)[0], found = made[direction].points.find((each) => each.x === x), [left, top] = views[direction].origin();
    return {x: views[direction].scale("x")(x) + left, y: views[direction].scale("y")(found.y) + top};
  },
};
filter();
theme(root.dataset.theme === "dark");
let started = false;
const once = () => { if (!started) { started = true; start(); } };
const soon = () => {
  requestAnimationFrame(() => setTimeout(once, 0));
  setTimeout(once, 250); // a tab in the background paints nothing
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", soon); // Vega stands below this script
else soon();
