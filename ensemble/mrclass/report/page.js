// Filters, search, order, pages and keys of the report. A report of few series is complete without it: every card
// is in the document. Of many series the cards lie in files beside it, which are loaded as they are to be seen.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const main = $("series"), query = $("query"), sort = $("sort"), shown = $("shown"), nothing = $("nothing");
  const bar = document.querySelector(".toolbar");
  const buttons = [...bar.querySelectorAll("button[data-tag]")];
  const pagers = [...document.querySelectorAll(".pager")], size = $("size");
  const { total, perFile, folder } = main.dataset;  // of a report whose cards lie in files
  // Not the bars: every card names every member there, so that "flair" would find all of them.
  const searched = "header, .finding, .reason, details dl";
  let all = [...main.querySelectorAll(".card")].map((element, order) => ({
    element, order, text: null, tags: new Set(element.dataset.tags.split("|")),
    rank: Number(element.dataset.rank), label: Number(element.dataset.label),
    score: Number(element.dataset.score), name: element.querySelector("h3").textContent,
  }));
  let list = all, at = 0, drawn = 0;  // what the filters leave, in order; the page of it that is shown
  const textOf = (one) => (one.text ??=
    [...one.element.querySelectorAll(searched)].map((part) => part.textContent).join(" ").toLowerCase());

  // Files of cards: number -> promise of their HTML.
  const files = new Map(), arrived = new Map();
  window.mrclassCards = (number, cards) => arrived.set(number, cards);
  const load = (name, after) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${folder}/${name}`;
    script.onload = () => resolve(after());
    script.onerror = () => reject(new Error(`${folder}/${name} cannot be read. Keep the folder "${folder}" beside this page.`));
    document.head.append(script);
  });
  function file(number) {
    if (!files.has(number))
      files.set(number, load(`cards-${String(number).padStart(4, "0")}.js`, () => arrived.get(number)));
    return files.get(number);
  }
  async function elementOf(one) {
    if (one.element) return one.element;
    const cards = await file(Math.floor(one.order / perFile) + 1);
    const frame = document.createElement("template");
    frame.innerHTML = cards[one.order % perFile];
    return frame.content.firstElementChild;
  }
  function complain(error) {
    nothing.textContent = error.message;
    nothing.hidden = false;
  }

  const perPage = () => (!total || size.value === "all" ? Infinity : Number(size.value));
  const pages = () => Math.max(1, Math.ceil(list.length / perPage()));
  async function draw() {
    const mine = ++drawn, first = at === 0 ? 0 : at * perPage();
    const part = list.slice(first, first + perPage());
    let elements;
    main.setAttribute("aria-busy", "true");
    try {
      elements = await Promise.all(part.map(elementOf));
    } catch (error) {
      complain(error);
      return;
    } finally {
      if (mine === drawn) main.removeAttribute("aria-busy");
    }
    if (mine !== drawn) return;  // another filter came meanwhile
    main.replaceChildren(...elements);
    for (const pager of pagers) {
      pager.hidden = list.length === 0;
      pager.querySelector(".at").textContent = `${first + 1} to ${first + part.length} of ${list.length}`;
      const [back, on] = pager.querySelectorAll("button");
      back.disabled = at === 0;
      on.disabled = at + 1 >= pages();
    }
  }

  const orders = {
    order: (a, b) => a.order - b.order,
    rank: (a, b) => a.rank - b.rank || a.order - b.order,
    // A series without a score (unreadable, skipped) comes last.
    score: (a, b) => (a.score < 0) - (b.score < 0) || a.score - b.score || a.order - b.order,
    label: (a, b) => a.label - b.label || a.order - b.order,
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.order - b.order,
  };
  function apply() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = (kind) =>
      buttons.filter((b) => b.dataset.kind === kind && b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.tag);
    const labels = pressed("label"), states = pressed("state");
    const any = (tags, one) => tags.length === 0 || tags.some((tag) => one.tags.has(tag));
    list = all
      .filter((one) => any(labels, one) && any(states, one) && words.every((word) => textOf(one).includes(word)))
      .sort(orders[sort.value] ?? orders.order);
    const filtered = words.length + labels.length + states.length > 0;
    shown.textContent = filtered ? `${list.length} of ${all.length} series` : `${all.length} series`;
    $("clear").disabled = !filtered;
    nothing.hidden = list.length > 0 || all.length === 0;
    at = 0;
    return draw();
  }

  function clear() {
    query.value = "";
    for (const button of buttons) button.setAttribute("aria-pressed", "false");
    return apply();
  }

  async function turn(step, wanted = 0) {
    const to = Math.min(Math.max(at + step, 0), pages() - 1);
    if (to === at) return;
    at = to;
    await draw();
    reach(main.children[wanted < 0 ? main.children.length - 1 : 0]);
  }
  function reach(card) {
    if (!card) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start" });
  }
  function move(step) {
    const cards = [...main.children];
    if (cards.length === 0) return;
    const held = cards.findIndex((card) => card.contains(document.activeElement));
    const edge = bar.getBoundingClientRect().bottom;
    const onScreen = cards.findIndex((card) => card.getBoundingClientRect().bottom > edge + 8);
    const target = held >= 0 ? held + step : step > 0 ? onScreen : onScreen - 1;
    const beyond = held >= 0 && (target < 0 ? at > 0 : target >= cards.length && at + 1 < pages());
    if (beyond) turn(step, step);
    else reach(cards[Math.min(Math.max(target, 0), cards.length - 1)]);
  }

  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.dataset.step) return;
    if (button.id === "clear") { clear(); query.focus(); return; }
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    apply();
  });
  for (const pager of pagers)
    pager.addEventListener("click", (event) => {
      const step = event.target.closest("button")?.dataset.step;
      if (step) turn(Number(step));
    });
  size?.addEventListener("change", () => { at = 0; draw(); });
  let waiting = 0;
  query.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(apply);
  });
  sort.addEventListener("change", apply);

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
    else if (event.key === "n" && total) turn(1);
    else if (event.key === "p" && total) turn(-1);
    else if (event.key === "o") {
      const details = document.activeElement.closest(".card")?.querySelectorAll("details") ?? [];
      const open = [...details].some((one) => !one.open);
      for (const one of details) one.open = open;
    }
  });

  // A link to a card that a filter or a page hides shows it; then the card takes the focus, so that j and k go on from it.
  async function arrive() {
    const one = all[Number(/^#s(\d+)$/.exec(location.hash)?.[1]) - 1];
    if (!one) return;
    if (!list.includes(one)) await clear();
    const page = perPage() === Infinity ? 0 : Math.floor(list.indexOf(one) / perPage());
    if (page !== at) {
      at = page;
      await draw();
    }
    reach($(`s${one.order + 1}`));
  }
  window.addEventListener("hashchange", arrive);

  // A card that is jumped to must stop below the toolbar, however many lines that takes.
  async function start() {
    bar.hidden = false;
    new ResizeObserver(() => {
      const covered = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
      document.documentElement.style.scrollPaddingTop = `${covered + 10}px`;
    }).observe(bar);
    await apply();
    arrive();
  }
  window.mrclassIndex = (entries) => {
    all = entries.map(([tags, rank, label, score, name, text], order) =>
      ({ element: all[order]?.element, order, text, tags: new Set(tags.split("|")), rank, label, score, name }));
  };
  if (total) load("index.js", start).catch(complain);
  else start();
})();
