"use strict";
// Keeps the page as it is on the server: asks for the same address, and changes only what has changed, so that
// focus, selection, scrolling and what is being typed stay. Rests while nobody looks.
(() => {
  const everyMs = Number(document.body.dataset.refreshMs);
  const patienceMs = 10000;
  const button = document.getElementById("updates");
  let timer = 0, isAsking = false, isPaused = false, heardAt = new Date();

  const utc = (moment) => moment.toISOString().slice(0, 19).replace("T", " ") + " UTC";
  const say = (text) => {
    const place = document.getElementById("connection");
    if (place.textContent !== text) place.textContent = text;
    document.body.classList.toggle("stale", text !== "");
  };

  const isSelected = (node) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(node, true);
  };

  const move = (parent, node, before) =>
    parent.moveBefore && node.isConnected ? parent.moveBefore(node, before) : parent.insertBefore(node, before);

  const follow = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  };

  // Makes `old` equal to `fresh`. Elements with an ID are the same as those with that ID, others go by their place.
  const change = (old, fresh) => {
    if (old.isEqualNode(fresh) || old.id === "live" || old.nodeName === "SCRIPT" || old.nodeName === "STYLE") return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (!isSelected(old)) old.data = fresh.data;
      return;
    }
    if (old.nodeName === "INPUT") return;
    follow(old, fresh);
    const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const isNext = at && !at.id && !child.id && at.nodeName === child.nodeName;
      const match = child.id ? named.get(child.id) : isNext ? at : null;
      if (!match) {
        old.insertBefore(document.adoptNode(child), at);
        continue;
      }
      if (match === at) at = at.nextSibling;
      else move(old, match, at);
      change(match, child);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  const show = (fresh) => {
    const focused = document.activeElement;
    document.title = fresh.title;
    follow(document.getElementById("icon"), fresh.getElementById("icon"));
    change(document.body, fresh.body);
    if (focused && focused !== document.body && document.activeElement !== focused) {
      (focused.isConnected ? focused : document.getElementById("main")).focus({ preventScroll: true });
    }
  };

  const ask = async () => {
    const answer = await fetch(location.href, {
      cache: "no-store", redirect: "error", signal: AbortSignal.timeout(patienceMs),
    });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.body.dataset.build) throw new Error(`it answered with status ${answer.status}`);
    return fresh;
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (isAsking || isPaused || document.hidden) return;
    isAsking = true;
    try {
      const fresh = await ask();
      if (fresh.body.dataset.build !== document.body.dataset.build) return location.reload();
      heardAt = new Date();
      if (!isPaused) show(fresh);
      say("");
    } catch {
      say(`The daemon does not answer. What you see is from ${utc(heardAt)}.`);
    } finally {
      isAsking = false;
      timer = setTimeout(refresh, everyMs);
    }
  };

  document.addEventListener("visibilitychange", refresh);
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    refresh();
  });
  button.hidden = false;
  timer = setTimeout(refresh, everyMs);
})();
