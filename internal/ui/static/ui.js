// Keys for the strip, buttons that copy a command, and the progress of a restore. Every screen works without this.
"use strict";
(() => {
  const keys = { "[": "previous", "]": "next", "<": "earlier", ">": "later", "+": "in", "-": "out" };
  // Only a character is a shortcut. On many keyboards, AltGr types brackets, which Windows
  // takes for Ctrl and Alt; on a Mac, Option does, which is Alt.
  const plain = (e) => !e.metaKey && (e.getModifierState("AltGraph") ? e.ctrlKey === e.altKey : !e.ctrlKey && (!e.altKey || navigator.platform.startsWith("Mac")));
  document.addEventListener("keydown", (e) => {
    if (!plain(e) || e.isComposing || e.target.closest("input, select, textarea")) return;
    const field = { "/": "filter", "?": "keys" }[e.key];
    if (field && document.getElementById(field)) {
      e.preventDefault();
      document.getElementById(field).focus();
      return;
    }
    const link = keys[e.key] && document.getElementById(keys[e.key]);
    if (!link) return;
    e.preventDefault();
    sessionStorage.setItem("focus", link.id);
    link.click();
  });
  const focused = sessionStorage.getItem("focus");
  sessionStorage.removeItem("focus");
  if (focused) (document.getElementById(focused) || document.getElementById("main")).focus();

  document.addEventListener("click", async (e) => {
    const copy = e.target.closest(".copy");
    if (!copy) return;
    try {
      await navigator.clipboard.writeText(copy.previousElementSibling.textContent);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Not allowed: select the line";
    }
  });

  // What changes is fetched twice a second: its progress, and in the end the page without it.
  const refresh = async () => {
    const live = document.querySelector("[data-refresh]");
    if (!live) return;
    let fresh;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      say(live, live.dataset.lost);
      return;
    }
    const next = fresh.getElementById(live.id);
    if (!fresh.getElementById("main")) {
      say(live, fresh.body.textContent);
      return;
    }
    if (next) {
      document.title = fresh.title;
      live.replaceChildren(...next.childNodes);
      if (!next.dataset.refresh) delete live.dataset.refresh;
      const commands = [document, fresh].map((d) => d.querySelector(".commands"));
      if (commands[0] && commands[1]) commands[0].replaceWith(commands[1]);
    } else if (live.id === "reading" && [...document.querySelectorAll("main input")].some((i) => i.checked !== i.defaultChecked || i.value !== i.defaultValue)) {
      say(live, "The archive was read again: load the page again to see it."); // what was entered is kept
      return;
    } else {
      document.title = fresh.title;
      for (const part of ["header", "main", "footer"]) document.querySelector(part).replaceWith(fresh.querySelector(part));
      if (document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
    }
    setTimeout(refresh, 500);
  };
  const say = (live, text) => {
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    said.textContent = text;
    live.replaceChildren(said);
    delete live.dataset.refresh;
  };
  setTimeout(refresh, 300);
})();
