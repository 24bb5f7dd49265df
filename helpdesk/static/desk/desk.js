// Keys, counting, drafts and lists that keep themselves fresh. Everything works without this file.
"use strict";
const within = (element, selector) => element?.closest?.(selector);

// --- selects that send themselves: at once for a pointer, on leaving or Enter for the keyboard
document.addEventListener("pointerdown", (event) => { const select = within(event.target, "select[data-submit]"); if (select) select.dataset.by = "pointer"; });
document.addEventListener("keydown", (event) => {
  const select = within(event.target, "select[data-submit]");
  if (!select) return;
  select.dataset.by = "keys";
  if (event.key === "Enter" && select.dataset.changed) { event.preventDefault(); select.form.requestSubmit(); }
});
document.addEventListener("change", (event) => {
  const select = within(event.target, "select[data-submit]");
  if (!select) return;
  select.dataset.changed = "1";
  if (select.dataset.by !== "keys") select.form.requestSubmit();
});
document.addEventListener("focusout", (event) => { const select = within(event.target, "select[data-submit]"); if (select?.dataset.changed) select.form.requestSubmit(); });

// --- keys
const submit = (form) => { if (form && !form.querySelector("[data-send]")?.disabled) form.requestSubmit(); };
document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input, textarea, select, [contenteditable]");
  if (writes && event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event.target.form);
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.matches("textarea") ? target.focus() : target.click(); }
  if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
});
function move(step) {
  const rows = [...document.querySelectorAll(".hd-row a")];
  const focused = rows.indexOf(document.activeElement);
  const here = focused >= 0 ? focused : rows.findIndex((row) => row.hasAttribute("aria-current"));
  rows[Math.min(Math.max(here + step, 0), rows.length - 1)]?.focus();
}
// fields that only some choices need
function fitFields() {
  document.querySelectorAll("select[data-shows]").forEach((select) => select.form.querySelectorAll("[data-when]").forEach((field) => {
    const box = field.closest(".hd-field");
    if (box) box.hidden = !field.dataset.when.split(" ").includes(select.value);
  }));
}
document.addEventListener("change", (event) => { if (within(event.target, "select[data-shows]")) fitFields(); });
window.addEventListener("load", fitFields);
// what cannot be taken back is asked for once more
document.addEventListener("click", (event) => {
  const words = within(event.target, "[data-confirm]")?.dataset.confirm;
  if (words && !window.confirm(words)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.hd-menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("toggle", (event) => { if (event.target.matches?.("details.hd-html[open]")) event.target.scrollIntoView({ block: "start" }); }, true);
// a form that was refused begins at what is to be changed
window.addEventListener("load", () => document.querySelector(".hd-form [aria-invalid=true]")?.focus());
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.hd-menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});

// --- what htmx renews keeps its focus and its place
let focused = null, atEnd = true, height = 0, count = 0;
// what names an element across a renewal: a row's address, a button's form and value, a link's place
const nameOf = (element) => element?.matches(".hd-row a, #hd-live *") ? [element.tagName, element.id, element.dataset.key, element.name, element.value, element.form?.getAttribute("action"), element.pathname].join("|") : null;
const entries = () => document.querySelector(".hd-entries");
const scrolls = (list) => list && list.scrollHeight > list.clientHeight + 4;
function toEnd() {
  const list = entries();
  if (!list) return;
  if (scrolls(list)) list.scrollTop = list.scrollHeight;
  else if (window.innerWidth < 1000 && list.children.length > 2) list.lastElementChild.scrollIntoView({ block: "center" });
}
document.addEventListener("htmx:beforeSwap", () => {
  focused = nameOf(document.activeElement);
  count = document.querySelectorAll(".hd-entry").length;
  const list = entries();
  if (list) { height = list.scrollTop; atEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 40; }
});
document.addEventListener("htmx:afterSwap", () => {
  if (focused && document.activeElement === document.body) [...document.querySelectorAll(".hd-row a, #hd-live :is(a, button, select, summary, input)")].find((element) => nameOf(element) === focused)?.focus({ preventScroll: true });
  const news = document.getElementById("hd-news");
  if (news && document.querySelectorAll(".hd-entry").length > count) news.textContent = news.dataset.words;
  const list = entries();
  if (scrolls(list)) list.scrollTop = atEnd ? list.scrollHeight : height;
});
// --- a list that cannot renew itself says so
let lost = null;
function connected(is) {
  if (is) { lost?.remove(); lost = null; return; }
  if (lost) return;
  lost = Object.assign(document.createElement("p"), { className: "hd-lost", role: "status" });
  lost.textContent = `No connection since ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}. What you see may be old.`;
  document.body.append(lost);
}
["htmx:sendError", "htmx:responseError"].forEach((name) => document.addEventListener(name, () => connected(false)));
document.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.xhr.status < 400) connected(true); });

// The frame has no landmark around the page, and gives each of its scrolling parts the same name.
document.addEventListener("DOMContentLoaded", () => document.getElementById("main")?.setAttribute("role", "main"));
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper[role=region]").forEach((part, number) => part.setAttribute("aria-label", part.closest("[role=main]") ? `List ${number}` : `Menu ${number}`));
});

// --- the composer
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-composer]");
  toEnd();
  if (!form) return;
  const text = form.querySelector("textarea"), count = form.querySelector("[data-count]"), send = form.querySelector("[data-send]");
  const cells = typeof Intl.Segmenter === "function" ? new Intl.Segmenter() : null;
  const size = (value) => (cells ? [...cells.segment(value)].length : [...value].length);
  const names = { public: "Send in public", private: "Send privately", note: "Keep note", call: "Log call" };
  const hints = { public: "Write to them, as you would say it.", private: "Write to them, as you would say it.", note: "For colleagues only; the customer never sees it.", call: "What was said on the phone, and what was agreed." };
  const show = () => {
    const mode = form.querySelector("input[name=mode]:checked");
    if (!mode) return;
    form.dataset.mode = mode.value;
    send.textContent = names[mode.value];
    const where = form.querySelector("[data-where-to]");
    if (where) where.textContent = mode.dataset.where || "";
    text.placeholder = hints[mode.value];
    const used = size(text.value.trim()), most = Number(mode.dataset.most), parts = Number(mode.dataset.parts);
    const posts = Math.max(1, Math.ceil(used / most));
    count.textContent = most >= 20000 ? "" : posts > 1 && parts > 1 ? `${used} · ${posts} posts` : `${used} of ${most.toLocaleString()}`;
    count.classList.toggle("hd-late", used > most * parts);
  };
  // Words outlive a reload, another button, and a log-in that ran out: kept in this tab until they were sent.
  const key = `draft:${location.pathname.match(/tickets\/\d+/)}`, once = form.querySelector("[name=once]")?.value;
  const kept = JSON.parse(sessionStorage.getItem(key) || "null");
  const sent = new URLSearchParams(location.search).get("sent");
  if (kept && sent && kept.once === sent) sessionStorage.removeItem(key);
  else if (kept && !text.value && kept.text) {
    text.value = kept.text;
    const mode = form.querySelector(`input[name=mode][value="${CSS.escape(kept.mode || "")}"]:not(:disabled)`);
    if (mode) mode.checked = true;
  }
  if (sent) { const url = new URL(location.href); url.searchParams.delete("sent"); history.replaceState(null, "", url); }
  const keep = () => {
    const mode = form.querySelector("input[name=mode]:checked")?.value;
    if (text.value.trim()) sessionStorage.setItem(key, JSON.stringify({ text: text.value, mode, once }));
    else sessionStorage.removeItem(key);
  };
  form.addEventListener("input", () => { show(); keep(); });
  form.addEventListener("submit", () => { keep(); send.disabled = true; });
  show();
});

// Pictures for an article: sent at once, their Markdown put where the cursor is.
document.addEventListener("change", async (event) => {
  const input = event.target.closest?.("[data-upload]");
  if (!input || !input.files.length) return;
  const said = document.getElementById(`${input.id}-said`), area = document.getElementById(input.dataset.into);
  const form = new FormData();
  form.append("file", input.files[0]);
  form.append("edition", input.dataset.edition);
  form.append("csrfmiddlewaretoken", input.closest("form").querySelector("[name=csrfmiddlewaretoken]").value);
  said.textContent = "…";
  try {
    const answer = await fetch(input.dataset.upload, { method: "POST", body: form });
    const told = await answer.json();
    if (told.error) { said.textContent = told.error; return; }
    area.setRangeText(told.markdown, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    said.textContent = "";
  } catch { said.textContent = "The picture did not arrive. Try again."; }
  input.value = "";
});

// --- articles for an answer: a button beside the ticket, and "/" in the words
function put(area, words, from = area.selectionStart, to = area.selectionEnd) {
  const before = area.value.slice(0, from), space = before && !/\s$/.test(before) ? " " : "";
  area.setRangeText(space + words, from, to, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}
async function linkOf(edition) {
  const panel = document.querySelector("[data-articles]"), form = document.getElementById("hd-composer");
  const body = new FormData();
  body.append("edition", edition);
  body.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  try { return await (await fetch(panel.dataset.articles, { method: "POST", body })).json(); } catch { return { error: "The link did not arrive. Try again." }; }
}
document.addEventListener("click", async (event) => {
  const button = within(event.target, "[data-hand]"), area = document.getElementById("hd-text");
  if (!button || !area) return;
  const told = await linkOf(button.dataset.hand);
  if (told.error) button.textContent = told.error; else put(area, told.link);
});
document.addEventListener("DOMContentLoaded", () => {
  const area = document.querySelector("[data-composer] textarea");
  if (!area) return;
  const list = Object.assign(document.createElement("ul"), { className: "hd-picker", id: "hd-picker", role: "listbox", hidden: true });
  list.setAttribute("aria-label", "Articles");
  area.closest("form").append(list);
  let from = -1, chosen = 0, asked = 0, timer = 0;
  const close = () => { asked += 1; list.hidden = true; from = -1; area.removeAttribute("aria-activedescendant"); area.removeAttribute("aria-controls"); };
  // a slash that begins a word opens it; what is typed after it, up to the end of the line, is looked for
  const wanted = () => {
    const before = area.value.slice(0, area.selectionStart), found = before.match(/(^|\s)\/(?!\s)([^\/\n]{0,60})$/);
    if (!found) return null;
    from = before.length - found[2].length - 1;
    return found[2].trim();
  };
  const options = () => [...list.querySelectorAll("[data-edition]")];
  const mark = (number) => {
    chosen = Math.min(Math.max(number, 0), options().length - 1);
    options().forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
    options()[chosen]?.scrollIntoView({ block: "nearest" });
    if (options()[chosen]) area.setAttribute("aria-activedescendant", options()[chosen].id);
  };
  const show = (results) => {
    list.replaceChildren(...results.map((one) => {
      const row = Object.assign(document.createElement("li"), { id: `hd-pick-${one.edition}`, textContent: one.title, role: "option" });
      row.dataset.edition = one.edition;
      if (one.is_internal) { row.setAttribute("aria-disabled", "true"); row.append(Object.assign(document.createElement("span"), { className: "hd-chip", textContent: "agents only" })); }
      return row;
    }));
    if (!results.length) list.append(Object.assign(document.createElement("li"), { textContent: "No article like this. Go on typing, or press Escape.", role: "option" }));
    list.hidden = false;
    area.setAttribute("aria-controls", list.id);
    mark(0);
  };
  const look = async () => {
    const words = wanted(), panel = document.querySelector("[data-find]");
    if (words === null || !panel) return close();
    const turn = ++asked;
    try {
      const told = await (await fetch(`${panel.dataset.find}?q=${encodeURIComponent(words)}`)).json();
      if (turn === asked && wanted() !== null) show(told.results);
    } catch { close(); }
  };
  const take = async (row) => {
    if (!row || row.getAttribute("aria-disabled")) return;
    const start = from, end = area.selectionStart;
    close();
    asked += 1;
    const told = await linkOf(row.dataset.edition);
    if (!told.error) put(area, told.link, start, end);
  };
  area.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 150); });
  area.addEventListener("blur", () => setTimeout(close, 200));
  area.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); mark(chosen + step); }
    else if (event.key === "Escape") { event.preventDefault(); close(); }
    else if ((event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey && options().length) { event.preventDefault(); take(options()[chosen]); }
  });
  list.addEventListener("mousedown", (event) => { event.preventDefault(); take(within(event.target, "[data-edition]")); });
});
