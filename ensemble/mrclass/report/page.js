// Filters, search, order and keys of the report. The page is complete without it: every card is in the document.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const main = $("series"), query = $("query"), sort = $("sort"), shown = $("shown"), nothing = $("nothing");
  const bar = document.querySelector(".toolbar");
  const buttons = [...bar.querySelectorAll("button[data-tag]")];
  const cards = [...main.querySelectorAll(".card")].map((element, order) => ({
    element, order, text: null, visible: true,
    tags: new Set(element.dataset.tags.split("|")),
    rank: Number(element.dataset.rank), label: Number(element.dataset.label),
    score: Number(element.dataset.score), name: element.querySelector("h3").textContent,
  }));
  let inOrder = cards;
  // Not the bars: every card names every member there, so that "flair" would find all of them.
  const searched = "header, .finding, .reason, details dl";
  const textOf = (card) => (card.text ??=
    [...card.element.querySelectorAll(searched)].map((part) => part.textContent).join(" ").toLowerCase());

  function apply() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = (kind) =>
      buttons.filter((b) => b.dataset.kind === kind && b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.tag);
    const labels = pressed("label"), states = pressed("state");
    const any = (tags, card) => tags.length === 0 || tags.some((tag) => card.tags.has(tag));
    let count = 0;
    for (const card of cards) {
      const visible = any(labels, card) && any(states, card) && words.every((word) => textOf(card).includes(word));
      if (visible !== card.visible) {
        card.visible = visible;
        card.element.hidden = !visible;
      }
      count += visible;
    }
    const filtered = words.length + labels.length + states.length > 0;
    shown.textContent = filtered ? `${count} of ${cards.length} series` : `${cards.length} series`;
    $("clear").disabled = !filtered;
    nothing.hidden = count > 0 || cards.length === 0;
  }

  const orders = {
    order: (a, b) => a.order - b.order,
    rank: (a, b) => a.rank - b.rank || a.order - b.order,
    // A series without a score (unreadable, skipped) comes last.
    score: (a, b) => (a.score < 0) - (b.score < 0) || a.score - b.score || a.order - b.order,
    label: (a, b) => a.label - b.label || a.order - b.order,
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.order - b.order,
  };
  function reorder() {
    inOrder = [...cards].sort(orders[sort.value] ?? orders.order);
    main.append(...inOrder.map((card) => card.element));
  }

  function clear() {
    query.value = "";
    for (const button of buttons) button.setAttribute("aria-pressed", "false");
    apply();
  }

  function move(step) {
    const list = inOrder.filter((card) => card.visible);
    if (list.length === 0) return;
    const held = list.findIndex((card) => card.element.contains(document.activeElement));
    const edge = bar.getBoundingClientRect().bottom;
    const onScreen = list.findIndex((card) => card.element.getBoundingClientRect().bottom > edge + 8);
    const target = held >= 0 ? held + step : step > 0 ? onScreen : onScreen - 1;
    const card = list[Math.min(Math.max(target, 0), list.length - 1)].element;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start" });
  }

  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "clear") { clear(); query.focus(); return; }
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    apply();
  });
  let waiting = 0;
  query.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(apply);
  });
  sort.addEventListener("change", reorder);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "Escape") {
      clear();
      if (typing) event.target.blur();
    } else if (typing) {
      if (event.key === "Enter" && event.target === query) move(1);
    } else if (event.key === "/") {
      event.preventDefault();
      query.focus();
      query.select();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "o") {
      const details = document.activeElement.closest(".card")?.querySelectorAll("details") ?? [];
      const open = [...details].some((one) => !one.open);
      for (const one of details) one.open = open;
    }
  });

  // A link to a card that a filter hides shows it again; then the card takes the focus, so that j and k go on from it.
  function arrive() {
    const card = cards.find((one) => "#" + one.element.id === location.hash);
    if (!card) return;
    if (!card.visible) clear();
    card.element.focus({ preventScroll: true });
    card.element.scrollIntoView({ block: "start" });
  }
  window.addEventListener("hashchange", arrive);

  // A card that is jumped to must stop below the toolbar, however many lines that takes.
  bar.hidden = false;
  new ResizeObserver(() => {
    const covered = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
    document.documentElement.style.scrollPaddingTop = `${covered + 10}px`;
  }).observe(bar);
  apply();
  arrive();
})();
