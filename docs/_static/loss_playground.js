/* The page where a reader writes a formula: its plot, what is wrong with it, and its Python. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".loss-playground");
  if (!place) return;
  const { make, LossPlot } = lossary;
  const NAME = "my_loss";
  const EXAMPLES = {
    "hinge": ["score", "maximum(0, 1 - inputs * targets)"],
    "Huber": ["residual", "delta = 1.0\nr = inputs - targets\n"
      + "where(abs(r) <= delta, 0.5 * r ** 2, delta * (abs(r) - 0.5 * delta))"],
    "logistic": ["score", "softplus(-targets * inputs)"],
    "focal": ["logit", "gamma = 2.0\np = sigmoid(inputs)\n"
      + "targets * (1 - p) ** gamma * softplus(-inputs) + (1 - targets) * p ** gamma * softplus(inputs)"],
    "quantile": ["residual", "q = 0.9\nr = targets - inputs\nmaximum(q * r, (q - 1) * r)"],
  };
  const TARGETS = { residual: 0, score: 1, logit: 1, prediction: 1 };

  const hashed = new URLSearchParams(location.hash.startsWith("#plot?") ? location.hash.slice(6) : "");
  const over = make("select", { name: "over" }, ...Object.keys(TARGETS).map((title) => make("option", {}, title)));
  const text = make("textarea", { name: "formula", rows: 4, spellcheck: "false", autocapitalize: "off",
                                  "aria-label": "formula", "aria-describedby": "formula-problem" });
  const problem = make("div", { class: "problem", id: "formula-problem", role: "status" });
  const python = make("pre", { class: "python" });
  const copy = make("button", { type: "button", class: "copy", onclick: copied }, "Copy");
  const plotted = make("div", { class: "loss-plot" });
  const examples = make("p", { class: "examples" }, ...Object.entries(EXAMPLES).map(([title, example]) =>
    make("button", { type: "button", onclick: () => show(...example) }, title)));

  [over.value, text.value] = hashed.has("formula")
    ? [hashed.get("over") in TARGETS ? hashed.get("over") : "residual", hashed.get("formula")]
    : EXAMPLES.Huber;
  place.replaceChildren(examples, text, problem,
                        make("p", {}, make("label", {}, "plotted over a ", over)), plotted,
                        make("p", {}, "In Python:"), python, copy);
  place.classList.add("ready");

  const plot = new LossPlot(plotted, [NAME], { extra: () => ({ formula: text.value, over: over.value }) });
  read();
  plot.start();
  text.addEventListener("input", changed);
  over.addEventListener("change", changed);

  function show(abscissa, formula) {
    over.value = abscissa;
    text.value = formula;
    plot.view = lossary.newView([NAME]);
    changed();
  }

  function changed() {
    if (!read()) return;
    plot.view = lossary.limited({ ...plot.view, names: [NAME] });
    plot.build();
    plot.remember();
  }

  /* Read the formula; say what is wrong, or plot it. */
  function read() {
    text.rows = Math.max(3, text.value.split("\n").length + 1);
    try {
      const parsed = lossary.parseFormula(text.value);
      lossary.add(NAME, [form(parsed)]);
      python.textContent = lossary.toPython(parsed, NAME);
      problem.textContent = "";
      text.removeAttribute("aria-invalid");
      return true;
    } catch (error) {
      if (!(error instanceof lossary.FormulaError)) throw error;
      const line = text.value.split("\n")[error.line] ?? "";
      problem.textContent = `${error.message}\n${line}\n${" ".repeat(error.column)}${"^".repeat(error.length)}`;
      text.setAttribute("aria-invalid", "true");
      if (!lossary.isKnown(NAME)) lossary.add(NAME, [form(lossary.parseFormula(EXAMPLES.hinge[1]))]);
      return false;
    }
  }

  function form(parsed) {
    const parameters = parsed.parameters.map(({ name, value }) => {
      const most = Math.max(4, 4 * Math.abs(value));
      return { name, value, low: value < 0 ? -most : 0, high: most, step: most > 40 ? 0.5 : 0.05 };
    });
    return {
      choice: {}, abscissa: over.value, bounds: over.value === "prediction" ? [0.1, 6] : [-3, 3],
      domain: [null, null], arguments: { inputs: "x", targets: TARGETS[over.value] }, dashed: null,
      resizable: false, ones: [], drawing: null, parameters, compute: lossary.compileFormula(parsed),
      controls: [{ argument: "targets", low: -3, high: 6, step: 0.1 }],
    };
  }

  async function copied() {
    const range = document.createRange();
    range.selectNodeContents(python);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const before = copy.textContent;
    try {
      await navigator.clipboard.writeText(python.textContent);
      copy.textContent = "Copied";
    } catch { // a page without permission: the text is selected
      copy.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => { copy.textContent = before; }, 1500);
  }
});
