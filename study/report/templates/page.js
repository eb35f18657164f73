"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const partners = JSON.parse(document.getElementById("partners").textContent);
  const plots = [...document.querySelectorAll(".plot")].map((holder) => {
    const source = holder.querySelector(".plot-data");
    const canvas = holder.appendChild(document.createElement("div"));
    canvas.style.minWidth = `${holder.dataset.narrowest}px`;
    return { canvas, name: holder.dataset.name, text: source.textContent };
  });
  const config = {
    responsive: true,
    displaylogo: false,
    showSendToCloud: false,
    modeBarButtons: [["toImage", "resetScale2d"]],
    displayModeBar: coarse ? false : "hover",
  };

  // The plots are drawn in the light palette; on dark paper each colour gives way to its partner.
  const themed = (text) =>
    dark.matches ? text.replace(/#[0-9a-f]{6}/g, (light) => partners[light] ?? light) : text;

  const draw = ({ canvas, name, text }) => {
    const { data, layout } = JSON.parse(themed(text));
    // On a touch screen a finger that crosses a plot scrolls the page.
    if (coarse) layout.dragmode = false;
    const picture = { format: "svg", filename: name, width: 900 };
    return Plotly.react(canvas, data, layout, { ...config, toImageButtonOptions: picture });
  };

  const drawAll = () => Promise.all(plots.map(draw));
  dark.addEventListener("change", drawAll);
  drawAll().then(() => {
    document.documentElement.dataset.plots = String(plots.length);
  });
})();
