"use strict";

// Tables: a click on a column's head sorts by it, a second one the other way round.
function key(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  const value = text === "" ? NaN : Number(text);
  return Number.isNaN(value) ? text.toLowerCase() : value;
}

function compare(one, other) {
  if (typeof one === typeof other) return typeof one === "number" ? one - other : one.localeCompare(other);
  return typeof one === "number" ? -1 : 1;
}

function sort(head) {
  const table = head.closest("table"), body = table.tBodies[0];
  const column = [...head.parentElement.children].indexOf(head);
  const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
  // Numbers are wanted from the greatest down, names from A on.
  const before = head.getAttribute("aria-sort");
  const falling = before ? before === "ascending" : rows.some(([value]) => typeof value === "number");
  rows.sort(([one], [other]) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    return falling ? compare(other, one) : compare(one, other);
  });
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  body.append(...rows.map(([, row]) => row));
}

for (const head of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head));
  head.append(button);
}

// Pictures: a click shows one at its own size; the arrow keys go on to its neighbours.
const dialog = document.querySelector("dialog");
const enlarged = dialog.querySelector("img"), caption = dialog.querySelector("p");
const pictures = [...document.querySelectorAll("img.zoom")];
let current = 0;

function show(position) {
  current = (position + pictures.length) % pictures.length;
  enlarged.src = pictures[current].src;
  enlarged.alt = caption.textContent = pictures[current].alt;
}

pictures.forEach((picture, position) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "open";
  button.setAttribute("aria-label", `enlarge: ${picture.alt}`);
  picture.replaceWith(button);
  button.append(picture);
  button.addEventListener("click", () => {
    show(position);
    dialog.showModal();
  });
});
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) show(current + step);
});

// Paper has no place to click: what is folded opens for printing, and folds again.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
});
