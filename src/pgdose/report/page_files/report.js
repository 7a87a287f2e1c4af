"use strict";
// Draws the charts with the chosen groups and amplitudes, and folds the printed figures away.
// If anything fails, or without scripts, the printed figures stay.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const boxes = [...document.querySelectorAll("#legend input[name=group]")];
  const config = { displayModeBar: false, responsive: true, doubleClick: false };

  // The intervals as an area: a polygon for each stretch of places that have one.
  function band(trace) {
    const [x, y] = [[], []];
    let open = [];
    const close = () => {
      const ends = [...open, ...open.slice().reverse()];
      x.push(...ends.map((i) => trace.x[i]), null);
      y.push(...ends.map((i, n) => trace.customdata[i][n < open.length ? 0 : 1]), null);
      open = [];
    };
    trace.customdata.forEach(([low, high], i) => {
      if (low !== null && high !== null) open.push(i);
      else if (open.length) close();
    });
    if (open.length) close();
    return {
      x, y, type: "scatter", mode: "none", fill: "toself", fillcolor: `${trace.line.color}1c`,
      hoverinfo: "skip", legendgroup: trace.legendgroup, uid: `${trace.uid} interval`,
    };
  }

  // The intervals as bars: how far they reach from the rates.
  function bars(trace) {
    const reach = (end, sign) => trace.customdata.map(
      (rate, i) => (rate[end] === null ? null : sign * (rate[end] - trace.y[i])));
    return { ...trace, error_y: { ...trace.error_y, array: reach(1, 1), arrayminus: reach(0, -1) } };
  }

  function draw(chart) {
    const place = document.getElementById(chart.id);
    const choice = document.querySelector(`select[data-figure="${place.dataset.figure}"]`);
    const epsilon = choice ? choice.value : "";
    // An attack without the operating point's amplitude shows its nearest one instead.
    const isNearest = chart.nearest !== "" && epsilon === chart.first;
    const values = chart.values[isNearest ? chart.nearest : epsilon];
    place.hidden = !values;
    place.parentElement.querySelector(".absent").hidden = Boolean(values);
    place.parentElement.querySelector(".nearest").hidden = !isNearest;
    if (!values) return;
    const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const curves = chart.figure.data
      // Plotly identifies a curve by its uid when others appear or vanish.
      .map((trace, i) => ({ ...trace, y: values[i].y, customdata: values[i].rate, uid: `${i}` }))
      .filter((trace) => shown.has(trace.legendgroup));
    const drawn = chart.figure.data.some((trace) => trace.error_y)
      ? curves.map(bars) : [...curves.map(band), ...curves];
    Plotly.react(place, drawn, chart.figure.layout, config);
  }

  function check(all) {
    boxes.forEach((box) => { box.checked = all; });
    charts.forEach(draw);
  }

  // Unfold what a link leads to, and everything for a printer.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  }
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  document.querySelectorAll(".interactive").forEach((one) => { one.hidden = false; });
  charts.forEach(draw);
  document.querySelectorAll("details.printed").forEach((one) => { one.open = false; });
  boxes.forEach((box) => box.addEventListener("change", () => charts.forEach(draw)));
  document.getElementById("all").addEventListener("click", () => check(true));
  document.getElementById("none").addEventListener("click", () => check(false));
  document.querySelectorAll("select.epsilon").forEach((choice) => {
    choice.addEventListener("change", () => charts.forEach(draw));
  });
  addEventListener("hashchange", unfold);
  unfold();
})();
