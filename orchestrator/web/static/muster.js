// Beyond htmx, on every page: times in the reader's zone, live parts, and a service that does not answer.
"use strict";

(() => {
  // The reader's zone: chosen, else the browser's.
  const chosenZone = document.documentElement.dataset.zone || undefined;
  const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const format = (parts) => new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: chosenZone, hourCycle: "h23" });
  const time = { hour: "2-digit", minute: "2-digit" };
  const formats = {
    clock: format({ ...time, second: "2-digit" }),
    week: format({ weekday: "short", ...time }),
    year: format({ day: "numeric", month: "short", ...time }),
    older: format({ day: "numeric", month: "short", year: "numeric" }),
    minute: format(time),
    day: format({ year: "numeric", month: "2-digit", day: "2-digit" }),
  };
  // The server draws time axes in this zone.
  document.cookie = `muster-zone=${encodeURIComponent(browserZone)}; path=/; max-age=31536000; samesite=lax`;

  function kindOf(moment, now) {
    if (formats.day.format(moment) === formats.day.format(now)) return moment % 60000 ? "clock" : "minute";
    const days = Math.abs(moment - now) / 86400000;
    return days < 6 ? "week" : days < 300 ? "year" : "older";
  }

  function settled(root) {
    const now = new Date();
    for (const each of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const moment = new Date(each.dateTime);
      each.textContent = formats[kindOf(moment, now)].format(moment);
      each.dataset.local = "";
    }
  }

  function showClock() {
    const clock = document.querySelector("[data-clock]");
    if (clock) clock.textContent = `${formats.minute.format(new Date())} ${(chosenZone || browserZone).split("/").pop().replaceAll("_", " ")}`;
  }
  setInterval(showClock, 10000);

  // "/" focuses the search; the arrows go through its results.
  document.addEventListener("keydown", (event) => {
    const search = event.target.closest("form.find");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (search && step) {
      const places = [...search.querySelectorAll("input, .offers a")];
      const next = places[places.indexOf(event.target) + step];
      if (next) { event.preventDefault(); next.focus(); }
      return;
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
    const find = document.querySelector("[data-find]");
    if (find) { event.preventDefault(); find.focus(); }
  });

  document.addEventListener("DOMContentLoaded", () => {
    settled(document);
    showClock();
  });
  // At once, so that no reader sees UTC for a moment; and what came beside the part.
  for (const kind of ["htmx:afterSwap", "htmx:afterSettle"]) {
    document.addEventListener(kind, (event) => settled(event.target.isConnected ? event.target : document));
  }
  document.addEventListener("htmx:sseMessage", () => settled(document));

  // A live part is replaced whole: marked text holds its replacement back until it is let go, and what is open in the
  // part, and the keyboard's place in it, stay.
  const isMarked = (part) => !getSelection().isCollapsed && getSelection().containsNode(part, true);
  const late = new Map();
  document.addEventListener("selectionchange", () => {
    for (const [part, text] of late) {
      if (isMarked(part)) continue;
      late.delete(part);
      remember(part);
      htmx.swap(part, text, { swapStyle: "innerHTML", settleDelay: 0 });
    }
  });

  let place = null;
  const alike = (part, at) => [...part.querySelectorAll(at.tagName)].filter((each) => each.getAttribute("href") === at.getAttribute("href"));
  function remember(part) {
    const at = document.activeElement;
    const opened = [...part.querySelectorAll("details[open] > summary")].map((each) => each.textContent);
    // htmx itself returns to an element with an id.
    place = { part, opened, at: at.id || !part.contains(at) ? null : at };
    place.nth = place.at && alike(part, at).indexOf(at);
  }
  function restore() {
    if (!place) return;
    const { part, opened, at, nth } = place;
    const now = part.isConnected ? part : document.getElementById(part.id);
    place = null;
    if (!now) return;
    for (const each of now.querySelectorAll("details > summary")) if (opened.includes(each.textContent)) each.parentElement.open = true;
    if (at && !at.isConnected) alike(now, at)[nth]?.focus({ preventScroll: true });
  }

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const part = event.target;
    // Selected rows stay.
    if (part.matches("[data-holds-selection]") && part.querySelector(".pick input:checked")) event.preventDefault();
    else if (isMarked(part)) { event.preventDefault(); late.set(part, event.detail.data); }
    else { late.delete(part); remember(part); }
  });
  document.addEventListener("htmx:sseMessage", restore);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, requestConfig: asked, serverResponse, target } = event.detail;
    // Asked for by a clock or a message, and not by a person.
    if (asked.verb !== "get" || asked.triggeringEvent?.isTrusted) return;
    if (!isMarked(target)) { remember(target); return; }
    event.detail.shouldSwap = false;
    if (elt.matches("[data-follows]")) late.set(target, serverResponse);
  });
  document.addEventListener("htmx:afterSwap", restore);

  // A browser has six connections to a host for all tabs: a hidden tab closes its stream, and a shown one reopens it.
  htmx.createEventSource = (url) => {
    const listeners = [];
    let real = null;
    let isClosed = false;
    const source = {
      onopen: null,
      onerror: null,
      get readyState() { return isClosed ? EventSource.CLOSED : real ? real.readyState : EventSource.CONNECTING; },
      addEventListener(kind, listener) {
        listeners.push([kind, listener]);
        if (real) real.addEventListener(kind, listener);
      },
      removeEventListener(kind, listener) {
        const at = listeners.findIndex((each) => each[0] === kind && each[1] === listener);
        if (at >= 0) listeners.splice(at, 1);
        if (real) real.removeEventListener(kind, listener);
      },
      close() {
        isClosed = true;
        document.removeEventListener("visibilitychange", turn);
        letGo();
      },
    };

    function letGo() {
      if (real) real.close();
      real = null;
    }

    function turn() {
      if (document.hidden) {
        letGo();
      } else if (!real) {
        real = new EventSource(url);
        real.onopen = (event) => { if (source.onopen) source.onopen(event); };
        real.onerror = (event) => {
          // Refused: a new stream is needed.
          if (real && real.readyState === EventSource.CLOSED) source.close();
          if (source.onerror) source.onerror(event);
        };
        for (const [kind, listener] of listeners) real.addEventListener(kind, listener);
      }
    }

    document.addEventListener("visibilitychange", turn);
    turn();
    return source;
  };

  // Shows a lost connection, and that it is back.
  const lost = () => document.getElementById("connection");
  document.addEventListener("htmx:sseError", () => { if (lost()) lost().hidden = false; });
  document.addEventListener("htmx:sseOpen", () => { if (lost()) lost().hidden = true; });

  // Shows an unanswered request with a button that sends it again.
  const unanswered = () => document.getElementById("unanswered");
  let again = null;
  function missed(event) {
    const { elt, requestConfig: asked, xhr } = event.detail;
    // A form with a verdict has its own message.
    if (!unanswered() || elt.closest("form[data-judged]") || (xhr.status && xhr.status < 500)) return;
    again = () => htmx.ajax(asked.verb, asked.path, { source: elt, target: event.detail.target });
    unanswered().hidden = false;
  }
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(kind, missed);
  document.addEventListener("htmx:beforeOnLoad", (event) => { if (unanswered() && event.detail.xhr.status < 500) unanswered().hidden = true; });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#unanswered button") && again) { unanswered().hidden = true; again(); }
  });
})();
