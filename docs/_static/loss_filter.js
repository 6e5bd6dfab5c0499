/* The filter above the list of losses: hides the rows that do not match, and sections left empty. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.loss-filter");
  if (!form) return;
  const facts = JSON.parse(document.getElementById("loss-facts").textContent);
  const rows = [...document.querySelectorAll("table.losses tr")].map((row) => {
    const name = row.querySelector("a").textContent.trim();
    const text = [name, row.cells[0].textContent, ...facts[name].words].join(" ");
    return { row, ...facts[name], text: text.toLowerCase() };
  });
  const CHOICES = ["family", "targets", "convex", "gradient"];
  const count = form.querySelector("output");

  function show() {
    const words = form.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tags = [...form.querySelectorAll("input[name=tag]:checked")].map((box) => box.value);
    for (const item of rows) {
      const matches =
        words.every((word) => item.text.includes(word)) &&
        CHOICES.every((choice) => ["", item[choice]].includes(form[choice].value)) &&
        tags.every((tag) => item.tags.includes(tag));
      item.row.hidden = !matches;
    }
    for (const table of document.querySelectorAll("table.losses")) {
      const empty = [...table.querySelectorAll("tr")].every((row) => row.hidden);
      table.closest("section").hidden = empty;
    }
    count.textContent = `${rows.filter((item) => !item.row.hidden).length} of ${rows.length}`;
  }

  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  show();
});
