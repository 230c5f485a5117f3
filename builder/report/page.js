// The packages' filter; without scripts the table is simply whole.
const field = document.getElementById("filter");
const rows = [...document.querySelectorAll("#packages tbody tr")];
const shown = document.getElementById("shown");
field.closest("p").hidden = false;
field.addEventListener("input", () => {
  const wanted = field.value.trim().toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  const count = rows.filter((row) => !row.hidden).length;
  shown.textContent = wanted ? `${count} of ${rows.length}` : "";
});
