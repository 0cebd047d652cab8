// ---- on paper every table is open, and closed again afterwards
const closed = [...document.querySelectorAll("details")];
window.addEventListener("beforeprint", () => closed.forEach((each) => { each.dataset.was = each.open; each.open = true; }));
window.addEventListener("afterprint", () => closed.forEach((each) => { each.open = each.dataset.was === "true"; }));
