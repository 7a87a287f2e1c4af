"use strict";
// Draws the charts with the chosen groups, attacks and amplitudes, in the colours of the page, and
// folds the printed figures away. If anything fails, or without scripts, the printed figures stay.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = document.getElementById("charts");
  const charts = data ? JSON.parse(data.textContent) : [];
  const boxes = all(".legend input[name=group]");
  const config = { displayModeBar: false, responsive: true, doubleClick: false };
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

  // The colours that the page has now: its own, and each group's in the legend.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.id = "probe";
  probe.setAttribute("aria-hidden", "true");
  let look;
  function readColors() {
    const groups = boxes.map((box) => [
      box.value, getComputedStyle(box.parentElement.querySelector(".swatch")).color]);
    const grid = getComputedStyle(probe);
    look = { groups: Object.fromEntries(groups), ink: getComputedStyle(document.body).color,
      grid: grid.color, page: grid.backgroundColor, void: grid.outlineColor };
  }
  const faded = (color, share) => color.replace("rgb(", "rgba(").replace(")", `, ${share})`);

  // Points of amplitudes that were never reached, `copies`, are grey.
  function colored(trace, copies) {
    const color = look.groups[trace.legendgroup];
    const filled = trace.marker.color === trace.marker.line.color;
    const bars = trace.error_y && { ...trace.error_y, color: faded(color, .4) };
    return {
      ...trace,
      line: { ...trace.line, color: bars ? faded(color, .4) : color },
      marker: { ...trace.marker,
        color: trace.x.map((_, i) => (!filled ? look.page : copies && copies[i] ? look.void : color)),
        line: { ...trace.marker.line,
          color: trace.x.map((_, i) => (copies && copies[i] ? look.void : color)) } },
      ...(bars ? { error_y: bars } : {}),
    };
  }

  function laidOut(layout) {
    const axis = (one) => ({ ...one, gridcolor: look.grid, linecolor: look.ink, tickcolor: look.ink });
    const font = { ...layout.font, color: look.ink };
    return { ...layout, font, paper_bgcolor: look.page, plot_bgcolor: look.page,
      xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
      hoverlabel: { ...layout.hoverlabel, bgcolor: look.page, font: { ...font } } };
  }

  // The intervals as an area with an edge: a polygon for each stretch of places that have one.
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
    const { color, dash } = trace.line;
    return {
      x, y, type: "scatter", mode: "lines", line: { color: faded(color, .45), dash, width: .6 },
      fill: "toself", fillcolor: faded(color, .11),
      fillpattern: { shape: trace.meta.pattern, size: 7, solidity: .12, fillmode: "overlay",
        fgcolor: color, fgopacity: .5, bgcolor: faded(color, .11) },
      hoverinfo: "skip", legendgroup: trace.legendgroup, uid: `${trace.uid}-interval`,
    };
  }

  // The intervals as bars: how far they reach from the rates. Rates of few images are faint.
  function bars(trace) {
    const reach = (end, sign) => trace.customdata.map(
      (rate, i) => (rate[end] === null ? null : sign * (rate[end] - trace.y[i])));
    const opacity = trace.customdata.map((rate) => (rate[3] < trace.meta.few ? .35 : 1));
    return { ...trace, marker: { ...trace.marker, opacity },
      error_y: { ...trace.error_y, array: reach(1, 1), arrayminus: reach(0, -1) } };
  }

  const choiceOf = (figure, kind) => {
    const choice = document.querySelector(`select.${kind}[data-figure="${figure}"]`);
    return choice ? choice.value : "";
  };

  function draw(chart) {
    const place = document.getElementById(chart.id);
    const box = place.parentElement;
    const shown = new Set(boxes.filter((one) => one.checked).map((one) => one.value));
    box.hidden = chart.group !== "" && !shown.has(chart.group);
    if (!box.checkVisibility()) return; // in a folded section: drawn when that is opened
    const [attack, epsilon] = ["attack", "epsilon"].map((kind) => choiceOf(place.dataset.figure, kind));
    // An attack without the operating point's amplitude shows its nearest one instead.
    const isNearest = attack in chart.nearest && epsilon === chart.first;
    const values = (chart.values[attack] || {})[isNearest ? chart.nearest[attack] : epsilon];
    place.hidden = !values;
    box.querySelector(".absent").hidden = Boolean(values);
    const note = box.querySelector(".nearest");
    note.hidden = !(isNearest && values);
    note.textContent = isNearest ? chart.notes[attack] : "";
    if (!values) return;
    const curves = chart.figure.data
      // Plotly identifies a curve by its uid when others appear or vanish.
      .map((trace, i) => ({ ...trace, y: values[i].y, customdata: values[i].rate, uid: `${i}` }))
      .map((trace, i) => colored(trace, values[i].copies))
      .filter((trace) => shown.has(trace.legendgroup));
    const drawn = chart.figure.data.some((trace) => trace.error_y)
      ? curves.map(bars) : [...curves.map(band), ...curves];
    Plotly.react(place, drawn, laidOut(chart.figure.layout), config);
  }
  const drawAll = () => charts.forEach(draw);

  // Both legends switch the same groups.
  function check(checked, group) {
    boxes.forEach((box) => { if (group === undefined || box.value === group) box.checked = checked; });
    drawAll();
  }

  // Unfold what a link leads to, and everything for a printer.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  }
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  // Light or dark: the button turns the page to the other one, whatever the system has.
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
  function repaint() {
    button.textContent = isDark() ? "Light page" : "Dark page";
    readColors();
    drawAll();
  }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    repaint();
  });
  systemIsDark.addEventListener("change", repaint);

  all(".interactive").forEach((one) => { one.hidden = false; });
  repaint();
  all("details.printed").forEach((one) => { one.open = false; });
  boxes.forEach((box) => box.addEventListener("change", () => check(box.checked, box.value)));
  all(".legend .all").forEach((one) => one.addEventListener("click", () => check(true)));
  all(".legend .none").forEach((one) => one.addEventListener("click", () => check(false)));
  all("select[data-figure]").forEach((choice) => choice.addEventListener("change", drawAll));
  all("details.section").forEach((one) => one.addEventListener("toggle", () => {
    charts.filter((chart) => one.contains(document.getElementById(chart.id))).forEach(draw);
  }));
  const everything = document.getElementById("unfold");
  everything.addEventListener("click", () => {
    const open = everything.textContent.startsWith("Unfold");
    all("details.section").forEach((one) => { one.open = open; });
    everything.textContent = open ? "Fold all sections" : "Unfold all sections";
  });
  addEventListener("hashchange", unfold);
  unfold();
})();
