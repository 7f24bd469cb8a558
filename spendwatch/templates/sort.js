// Makes a button of each heading: a press sorts by that column, another one the other way round.
"use strict";
for (const table of document.querySelectorAll("table.alerts")) {
  table.classList.add("sorting");
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const numbers = heading.classList.contains("number");
      const first = numbers ? "descending" : "ascending";
      const other = numbers ? "ascending" : "descending";
      const order = heading.getAttribute("aria-sort") === first ? other : first;
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const value = (body) => {
        const cell = body.rows[0].cells[column];
        return numbers ? Number(cell.dataset.value) : cell.textContent.trim();
      };
      const compare = (one, other) =>
        numbers ? value(one) - value(other) : value(one).localeCompare(value(other), "en");
      const bodies = [...table.tBodies].sort((one, other) => sign * compare(one, other));
      table.append(...bodies);
    });
  });
}
