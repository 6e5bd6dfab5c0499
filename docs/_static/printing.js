/* Printing: what is folded is unfolded, in the light colours; PDFs that were made are offered. */
"use strict";

(() => {
  let folded = [], theme = null;

  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    theme = document.documentElement.dataset.theme;
    for (const element of folded) element.open = true;
    document.documentElement.dataset.theme = "light";
  });

  addEventListener("afterprint", () => {
    for (const element of folded) element.open = false;
    document.documentElement.dataset.theme = theme;
  });

  /* Beside "download .rst" and "print" in the menu of a page. */
  document.addEventListener("DOMContentLoaded", () => {
    const menu = document.querySelector(".dropdown-download-buttons .dropdown-menu");
    if (!menu || !globalThis.pdfPages?.includes(DOCUMENTATION_OPTIONS.pagename)) return;
    const root = document.documentElement.dataset.content_root;
    const offers = [["This page as PDF", `${root}${DOCUMENTATION_OPTIONS.pagename}.pdf`],
                    ["All pages as one PDF", `${root}lossary.pdf`]];
    for (const [title, address] of offers) {
      const link = Object.assign(document.createElement("a"),
        { href: address, download: "", className: "btn btn-sm dropdown-item pdf", textContent: title });
      const item = document.createElement("li");
      item.append(link);
      menu.append(item);
    }
  });
})();
