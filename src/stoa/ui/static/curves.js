// Reads values off a picture of lines: where the pointer is, or step by step with the arrow keys.
// Pictures come and go with their page, so the document listens for all of them.
(() => {
  const plain = (value, log) => (log ? Math.log10(value) : value);
  const data = (figure) => {
    if (figure.stoaSource !== figure.dataset.curves) {
      figure.stoaSource = figure.dataset.curves;
      figure.stoaCurves = JSON.parse(figure.dataset.curves);
      figure.stoaSteps = [...new Set(figure.stoaCurves.series.flatMap((s) => s.points.map((p) => p[0])))];
      figure.stoaSteps.sort((a, b) => a - b);
    }
    return figure.stoaCurves;
  };
  const nearest = (points, x) =>
    points.reduce((best, p) => (Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best), points[0]);
  const number = (value) => Number(value.toPrecision(4)).toLocaleString("en");
  const hide = (figure) => {
    for (const part of figure.querySelectorAll(".curves-cursor, .curves-readout")) part.hidden = true;
  };
  const show = (figure, x) => {
    const { box, log, series, x: name } = data(figure);
    const share = (plain(x, log[0]) - plain(box[0], log[0])) / (plain(box[1], log[0]) - plain(box[0], log[0]) || 1);
    const cursor = figure.querySelector(".curves-cursor");
    const readout = figure.querySelector(".curves-readout");
    const lines = series.filter((s) => s.points.length).map((s) => `${s.name}: ${number(nearest(s.points, x)[1])}`);
    cursor.hidden = readout.hidden = false;
    cursor.style.insetInlineStart = `${100 * share}%`;
    readout.textContent = `${name} ${number(x)}\n${lines.join("\n")}`;
    readout.style.insetInlineStart = share < 0.5 ? `calc(${100 * share}% + 10px)` : "auto";
    readout.style.insetInlineEnd = share < 0.5 ? "auto" : `calc(${100 * (1 - share)}% + 10px)`;
    figure.stoaAt = x;
  };
  // Drawn anew under somebody's eyes: what is read off stays at its step.
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const readout = target.querySelector(".curves-readout");
      if (readout && !readout.hidden && target.stoaAt !== undefined) show(target, target.stoaAt);
    }
  }).observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: ["data-curves"] });
  addEventListener("pointermove", (event) => {
    const plot = event.target.closest?.(".curves-plot");
    for (const figure of document.querySelectorAll(".curves")) if (!plot || !figure.contains(plot)) hide(figure);
    if (!plot) return;
    const figure = plot.closest(".curves");
    const { box, log } = data(figure);
    const area = plot.getBoundingClientRect();
    const from = plain(box[0], log[0]);
    const at = from + ((event.clientX - area.left) / area.width) * (plain(box[1], log[0]) - from);
    const x = log[0] ? 10 ** at : at;
    if (figure.stoaSteps.length) show(figure, nearest(figure.stoaSteps.map((s) => [s]), x)[0]);
  });
  addEventListener("keydown", (event) => {
    const figure = event.target;
    if (!figure.classList?.contains("curves")) return;
    data(figure);
    const steps = figure.stoaSteps;
    if (event.key === "Escape") return hide(figure);
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
    if (!(event.key in moves) || !steps.length) return;
    event.preventDefault();
    const now = steps.indexOf(figure.stoaAt);
    const from = now >= 0 ? now : moves[event.key] > 0 ? -1 : steps.length;
    const next = from + moves[event.key];
    show(figure, steps[Math.min(steps.length - 1, Math.max(0, next))]);
  });
  addEventListener("focusout", (event) => event.target.classList?.contains("curves") && hide(event.target));
})();
