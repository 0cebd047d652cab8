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

// ---- all of it, once: `draw` and `drawable` are the report's own
const start = async () => {
  if (drawable) { load("vega"); load("vegalite"); ready = true; }
  await draw();
  root.dataset.drawn = "yes";
};
theme(root.dataset.theme === "dark");
let started = false;
const once = () => { if (!started) { started = true; start(); } };
const soon = () => {
  requestAnimationFrame(() => setTimeout(once, 0));
  setTimeout(once, 250); // a tab in the background paints nothing
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", soon); // Vega stands below this script
else soon();
