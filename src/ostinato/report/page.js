// Draws each .plot from the JSON behind it. A viewBox on every layer lets paper scale the drawing.
for (const plot of document.querySelectorAll(".plot")) {
  const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
  const scalable = () => {
    const { width, height } = plot._fullLayout;
    plot.style.setProperty("--ratio", `${width} / ${height}`);
    for (const layer of plot.querySelectorAll(".main-svg")) {
      layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    }
  };
  Plotly.newPlot(plot, data, layout, { displayModeBar: false, responsive: true }).then(() => {
    scalable();
    plot.on("plotly_afterplot", scalable);
  });
}
