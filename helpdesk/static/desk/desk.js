// Keys, counting and selects that send themselves. Everything works without this file.
"use strict";
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input, textarea, select, [contenteditable]");
  if (writes && event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.matches("textarea") ? target.focus() : target.click(); }
  if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
});
function move(step) {
  const rows = [...document.querySelectorAll(".hd-row a")];
  const here = rows.findIndex((row) => row === document.activeElement || row.hasAttribute("aria-current"));
  rows[Math.min(Math.max(here + step, 0), rows.length - 1)]?.focus();
}
// The frame has no landmark around the page, and gives each of its scrolling parts the same name.
document.addEventListener("DOMContentLoaded", () => document.getElementById("main")?.setAttribute("role", "main"));
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper[role=region]").forEach((part, number) => part.setAttribute("aria-label", part.closest("[role=main]") ? `List ${number}` : `Menu ${number}`));
});
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-composer]");
  const entries = document.querySelector(".hd-entries");
  if (entries) entries.scrollTop = entries.scrollHeight;
  if (!form) return;
  const text = form.querySelector("textarea"), count = form.querySelector("[data-count]"), send = form.querySelector("[data-send]");
  const cells = typeof Intl.Segmenter === "function" ? new Intl.Segmenter() : null;
  const size = (value) => (cells ? [...cells.segment(value)].length : [...value].length);
  const names = { public: send.dataset.public || "Send in public", private: "Send privately", note: "Keep note", call: "Log call" };
  const show = () => {
    const mode = form.querySelector("input[name=mode]:checked");
    if (!mode) return;
    form.dataset.mode = mode.value;
    send.textContent = names[mode.value];
    const used = size(text.value.trim()), most = Number(mode.dataset.most), parts = Number(mode.dataset.parts);
    const posts = Math.max(1, Math.ceil(used / most));
    count.textContent = most >= 20000 ? "" : posts > 1 && parts > 1 ? `${used} · ${posts} posts` : `${used} of ${most.toLocaleString()}`;
    count.classList.toggle("hd-late", used > most * parts);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", () => { send.disabled = true; });
  show();
});
