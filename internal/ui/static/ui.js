// Keys for the strip, and the progress of a restore. Every screen works without this.
"use strict";
(() => {
  const keys = { "[": "previous", "]": "next", "<": "earlier", ">": "later", "+": "in", "-": "out" };
  const hint = document.getElementById("keys");
  if (hint) hint.hidden = false;
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target.closest("input, select, textarea")) return;
    const link = keys[e.key] && document.getElementById(keys[e.key]);
    if (!link) return;
    e.preventDefault();
    sessionStorage.setItem("focus", link.id);
    link.click();
  });
  const focused = sessionStorage.getItem("focus");
  sessionStorage.removeItem("focus");
  if (focused) (document.getElementById(focused) || document.getElementById("main")).focus();

  const refresh = async () => {
    const live = document.getElementById("live");
    if (!live || !live.dataset.refresh) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (fresh) live.replaceWith(fresh);
    } catch {
      const lost = document.createElement("p");
      lost.setAttribute("role", "alert");
      lost.textContent = "ssmbak has ended. Its restore is in the list of restores, and ssmbak undo shows it.";
      live.replaceChildren(lost);
      return;
    }
    setTimeout(refresh, 500);
  };
  setTimeout(refresh, 300);
})();
