"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const the = (id) => document.getElementById(id);
  document.documentElement.classList.add("js");

  // Which table, and which seed

  const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value;

  function showScope() {
    const scope = chosen("scope") ?? "0";
    for (const section of all(".scope")) section.hidden = section.dataset.scope !== scope;
  }

  function showSeed() {
    const seed = chosen("seed");
    if (seed === undefined) return;
    for (const card of all(".card[data-seed]")) card.hidden = card.dataset.seed !== seed;
  }

  the("scope-switch")?.addEventListener("change", showScope);
  the("seed-switch")?.addEventListener("change", showSeed);
  showScope();
  showSeed();

  // Sorting: all tables alike, so that switching between them keeps the order

  const words = new Intl.Collator(undefined, { numeric: true });

  function compare(one, other, column, sign) {
    const [a, b] = [one.cells[column].dataset, other.cells[column].dataset];
    if (column === 0) return sign * words.compare(a.text, b.text);
    if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
    return sign * (Number(a.value) - Number(b.value));
  }

  function sort(table, column, ascending) {
    const sign = ascending ? 1 : -1;
    const body = table.querySelector("tbody.rows");
    const order = (row) => Number(row.dataset.order);
    const rows = [...body.rows].sort(
      (one, other) => compare(one, other, column, sign) || order(one) - order(other),
    );
    body.append(...rows);
    [...table.tHead.rows[0].cells].forEach((head, number) => {
      head.setAttribute("aria-sort",
        number !== column ? "none" : ascending ? "ascending" : "descending");
    });
  }

  function clicked(head) {
    const now = head.getAttribute("aria-sort");
    const ascending = now === "none" ? head.dataset.better !== "higher" : now === "descending";
    for (const table of all("table.scores")) sort(table, head.cellIndex, ascending);
  }

  for (const head of all("table.scores thead th")) {
    head.querySelector("button").addEventListener("click", () => clicked(head));
  }

  // Pictures at full size, beside their exemplar

  const viewer = the("viewer");
  const pair = the("pair");
  const actual = the("actual");
  let shown = null;

  const cardsOf = (strip) => all(".card[data-picture]", strip).filter((card) => !card.hidden);

  function copyOf(card) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = card.querySelector("img").alt;
    figure.append(card.querySelector("img").cloneNode(), caption);
    return figure;
  }

  function show(card) {
    shown = card;
    const exemplar = cardsOf(card.closest(".strip"))[0];
    const cards = exemplar?.matches(".exemplar") && exemplar !== card ? [exemplar, card] : [card];
    pair.replaceChildren(...cards.map(copyOf));
    const facts = card.querySelector(".facts > .columns");
    the("about").replaceChildren(...(facts ? [facts.cloneNode(true)] : []));
    the("viewer-title").textContent = card.querySelector("img").alt;
    if (!viewer.open) viewer.showModal();
    viewer.scrollTop = 0;
    fit();
  }

  // One scale for both pictures, as textures are compared by the size of their grains
  function fit() {
    const pictures = all("img", pair).map((image) => ({
      image, width: Number(image.getAttribute("width")), height: Number(image.getAttribute("height")),
    }));
    const room = pair.clientWidth;
    const total = pictures.reduce((sum, { width }) => sum + width, 16 * (pictures.length - 1));
    const beside = total <= room || room >= 700;
    pair.classList.toggle("stacked", !beside);
    const widest = Math.max(...pictures.map(({ width }) => width));
    const across = beside ? (room - 16 * (pictures.length - 1)) / (total - 16 * (pictures.length - 1)) : room / widest;
    const tall = (0.62 * window.innerHeight) / Math.max(...pictures.map(({ height }) => height));
    let scale = Math.min(across, tall, 4);
    if (scale >= 1) scale = Math.floor(scale);
    const whole = actual.getAttribute("aria-pressed") === "true";
    if (whole) scale = 1;
    pair.classList.toggle("whole", whole);
    pair.classList.toggle("enlarged", scale > 1);
    for (const { image, width, height } of pictures) {
      image.style.width = `${width * scale}px`;
      image.style.height = `${height * scale}px`;
    }
  }

  function step(by) {
    const cards = cardsOf(shown.closest(".strip"));
    show(cards[(cards.indexOf(shown) + by + cards.length) % cards.length]);
  }

  for (const button of all("button.open")) {
    button.addEventListener("click", () => show(button.closest(".card")));
  }
  the("back").addEventListener("click", () => step(-1));
  the("forth").addEventListener("click", () => step(1));
  the("close").addEventListener("click", () => viewer.close());
  actual.addEventListener("click", () => {
    actual.setAttribute("aria-pressed", String(actual.getAttribute("aria-pressed") !== "true"));
    fit();
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  });
  viewer.addEventListener("close", () => {
    pair.replaceChildren();
    shown?.querySelector("button.open")?.focus();
  });
  window.addEventListener("resize", () => viewer.open && fit());
})();
