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

  function localTimes(root) {
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

  function settled(root) {
    localTimes(root);
  }

  document.addEventListener("DOMContentLoaded", () => {
    settled(document);
    showClock();
  });
  document.addEventListener("htmx:afterSettle", (event) => settled(event.target.isConnected ? event.target : document));
  document.addEventListener("htmx:sseMessage", () => settled(document));

  // A double click counts once: the browser would drop the first answer.
  let sent = { form: null, at: 0 };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // Requests of htmx and downloads do not leave the page.
    if (event.defaultPrevented || form.method !== "post" || event.submitter?.hasAttribute("formaction")) return;
    if (sent.form === form && event.timeStamp - sent.at < 2000) event.preventDefault();
    else sent = { form, at: event.timeStamp };
  });

  // Selected rows stay.
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.target.matches("[data-holds-selection]") && event.target.querySelector(".pick input:checked")) event.preventDefault();
    // A swap would lose the marked text.
    const marked = getSelection();
    if (marked && !marked.isCollapsed && event.target.contains(marked.anchorNode)) event.preventDefault();
  });

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
