// Suggestions while typing. Everything works without it.
(() => {
  const form = document.querySelector("form[data-suggest]");
  if (!form) return;
  const input = form.querySelector("input"), list = form.querySelector(".suggestions");
  let timer = 0, asked = "", control = null;
  const hide = () => { list.hidden = true; };
  const show = (results) => {
    list.replaceChildren(...results.map((one) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = one.url; link.textContent = one.title; item.append(link);
      return item;
    }));
    list.hidden = !results.length;
  };
  const ask = async () => {
    const words = input.value.trim();
    if (words === asked) return;
    asked = words;
    if (control) control.abort();
    if (words.length < 2) return hide();
    control = new AbortController();
    try {
      const answer = await fetch(`${form.dataset.suggest}?q=${encodeURIComponent(words)}`, { signal: control.signal });
      if (answer.ok) show((await answer.json()).results);
    } catch (error) { if (error.name !== "AbortError") hide(); }
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { hide(); input.focus(); }
    if (list.hidden || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    (next < 0 ? input : links[Math.min(next, links.length - 1)]).focus();
  });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) hide(); });
})();
