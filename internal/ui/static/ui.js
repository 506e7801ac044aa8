// Keys for the strip, buttons that copy a command, and the progress of a restore. Every screen works without this.
"use strict";
(() => {
  const keys = { "[": "previous", "]": "next", "<": "earlier", ">": "later", "+": "in", "-": "out" };
  document.addEventListener("keydown", (e) => {
    // On many keyboards, AltGr types brackets, which some systems take for Ctrl and Alt.
    if ((e.ctrlKey || e.altKey || e.metaKey) && !e.getModifierState("AltGraph") || e.target.closest("input, select, textarea")) return;
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

  const refresh = async () => {
    const live = document.getElementById("live");
    if (!live || !live.dataset.refresh) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      live.replaceWith(fresh.getElementById("live"));
      document.querySelector(".commands").replaceWith(fresh.querySelector(".commands"));
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
