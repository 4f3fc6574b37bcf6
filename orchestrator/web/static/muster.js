// Beyond htmx: times in the reader's zone, dialogs, copying, the drop zone.
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

  // "/" focuses the search.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
    const find = document.querySelector("[data-find]");
    if (find) { event.preventDefault(); find.focus(); }
  });

  function settled(root) {
    localTimes(root);
    for (const id of opened) {
      const fold = document.getElementById(id);
      if (fold) fold.checked = true;
    }
    const form = document.querySelector("form[data-upload]");
    if (form) ready(form);
  }

  document.addEventListener("DOMContentLoaded", () => {
    settled(document);
    showClock();
    // /jobs/ID#retry opens that dialog.
    if (/^#[a-z-]+$/.test(location.hash)) document.querySelector(`[data-opens="${location.hash.slice(1)}"]`)?.click();
    // Only the browser knows the hash of the page to return to.
    const back = document.querySelector(".door input[name=to]");
    if (back && !back.value.includes("#")) back.value += location.hash;
    // A new schedule starts with the zone of its reader.
    const zone = document.querySelector("[data-zones]");
    if (zone) {
      // The shown runs are those of the old zone.
      if ("here" in zone.dataset) { zone.value = browserZone; zone.dispatchEvent(new Event("change", { bubbles: true })); }
      const known = ["UTC", ...(Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [])];
      zone.list.replaceChildren(...known.map((name) => new Option(name, name)));
    }
  });
  // The forms of a page from the back-forward cache hold used keys.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && !document.querySelector("form[data-judged]")) location.reload();
  });
  document.addEventListener("htmx:afterSettle", (event) => settled(event.target.isConnected ? event.target : document));
  document.addEventListener("htmx:sseMessage", () => settled(document));

  // The browser closes dialogs, traps the focus and returns it.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      for (const [name, value] of Object.entries(opener.dataset)) {
        if (!name.startsWith("set")) continue;
        const field = dialog.querySelector(`[name="${name.slice(3).toLowerCase()}"]`);
        if (field) field.value = value;
      }
      const subject = dialog.querySelector("[data-subject]");
      if (subject && opener.dataset.subject) subject.textContent = opener.dataset.subject;
      if (opener.dataset.action) dialog.querySelector("form").action = opener.dataset.action;
      for (const box of dialog.querySelectorAll("input[type=checkbox][data-statuses]")) {
        if (opener.dataset.statuses) box.checked = opener.dataset.statuses.split(",").includes(box.value);
      }
      dialog.showModal();
      const judged = dialog.querySelector("form[data-judged]");
      if (judged) judge(judged, 0);
      return;
    }
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
  });

  // A confirmation holds for the judged form: a change removes the verdict, its button and the typed number, drops late
  // answers, and asks again.
  const changes = new WeakMap();
  const asked = new WeakMap();
  const timers = new WeakMap();

  function outdate(event) {
    const form = event.target.closest("form[data-judged]");
    if (!form || !event.target.closest(".judged")) return;
    const isTyped = event.type === "input" && event.target.matches("textarea, input:not([type=checkbox], [type=radio], [type=file])");
    judge(form, isTyped ? 600 : 50, event.target);
  }
  const changed = "Something was changed, and is looked at again.";
  function judge(form, delay, by) {
    changes.set(form, (changes.get(form) || 0) + 1);
    htmx.trigger(form, "htmx:abort");
    const verdict = form.querySelector(form.dataset.judged);
    // Decisions about bad rows stand in the verdict and go with the next question; those about single rows end with the list.
    if (!by || !verdict.contains(by)) {
      const isOtherList = by && by.closest("section")?.contains(verdict);
      const decided = [...verdict.querySelectorAll("input:checked, input[data-decided]")]
        .filter((each) => !(isOtherList && each.name.startsWith("choice-")))
        .map(({ name, value }) => Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      for (const each of decided) each.dataset.decided = "";
      verdict.replaceChildren(Object.assign(document.createElement("p"), { className: "quiet", textContent: changed }), ...decided);
    }
    const bar = form.querySelector("[data-bar]");
    if (bar) {
      for (const each of bar.querySelectorAll("input, .field")) each.remove();
      for (const each of bar.querySelectorAll("button")) each.disabled = true;
      bar.querySelector(".told").textContent = changed;
    }
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => htmx.trigger(form, "judge"), delay));
  }
  for (const kind of ["input", "change"]) document.addEventListener(kind, outdate, true);
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest("form[data-judged]");
    if (form) asked.set(event.detail.xhr, changes.get(form) || 0);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const form = event.detail.target.closest("form[data-judged]");
    const before = asked.get(event.detail.xhr);
    if (form && before !== undefined && before !== (changes.get(form) || 0)) event.detail.shouldSwap = false;
  });
  // A browser refuses to send a file that was changed since it was chosen.
  document.addEventListener("htmx:sendError", async (event) => {
    const form = event.detail.elt.closest("form[data-judged]");
    if (!form) return;
    const change = changes.get(form);
    const file = form.querySelector("input[type=file]");
    const isReadable = !file?.files.length || await file.files[0].slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (changes.get(form) !== change) return;
    // Emptied, so that choosing the same file again is a change.
    if (!isReadable) file.value = "";
    form.querySelector(form.dataset.judged).replaceChildren(Object.assign(document.createElement("p"), {
      className: "notice bad", role: "alert", textContent: isReadable
        ? "Muster does not answer. If this was a submit, look first whether the job is listed; to look again, change anything here."
        : "Nothing was done: the file was changed or removed since it was chosen. Choose it again.",
    }));
  });
  // Choices that the browser restores have no verdict.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-judged][data-upload]")) {
      const file = form.querySelector("input[type=file]");
      if ("filled" in form.dataset || file.files.length || (form.querySelector("input[type=radio]:checked") && !form.querySelector("[data-acts]"))) {
        if (file.files.length) file.dispatchEvent(new Event("change", { bubbles: true }));
        else judge(form, 0);
      }
    }
  });
  // Enter would press the first button, a download.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("form[data-upload][data-judged] input")) return;
    event.preventDefault();
    if (event.target.id === "confirmed") event.target.form.querySelector("[data-acts]")?.click();
  });
  // A change of the form asks for the number again.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-asks]");
    const place = form && form.querySelector(form.dataset.asks);
    if (place && !place.contains(event.target)) place.replaceChildren();
  });

  // A double click counts once: the browser would drop the first answer.
  let sent = { form: null, at: 0 };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // Requests of htmx and downloads do not leave the page.
    if (event.defaultPrevented || form.method !== "post" || event.submitter?.hasAttribute("formaction")) return;
    if (sent.form === form && event.timeStamp - sent.at < 2000) event.preventDefault();
    else sent = { form, at: event.timeStamp };
  });

  async function copy(button) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector("code"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    setTimeout(() => { button.textContent = said; }, 1500);
  }

  // A later page of the list is not replaced by the first.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const leafed = document.querySelectorAll("#target-rows table").length > 1 || document.querySelector("#target-rows .pick input:checked");
    if (leafed && event.detail.elt.matches("[data-follows]")) event.preventDefault();
  });

  // Selected rows and opened groups stay.
  const opened = new Set();
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".folds")) return;
    if (event.target.checked) opened.add(event.target.id);
    else opened.delete(event.target.id);
  });
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

  // The device list: chosen or dropped.
  function ready(form) {
    const zone = form.querySelector("[data-drop]");
    const input = zone.querySelector("input[type=file]");
    if (zone.dataset.ready) return;
    zone.dataset.ready = "";
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
    }
    for (const kind of ["dragleave", "drop"]) {
      zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.remove("over"); });
    }
    zone.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    input.addEventListener("change", () => {
      const file = input.files[0];
      zone.querySelector("[data-name]").textContent = file ? `${file.name}, ${size(file.size)}` : "";
    });
  }

  function size(bytes) {
    const units = ["bytes", "kB", "MB", "GB"];
    let unit = 0;
    while (bytes >= 1000 && unit < 3) { bytes /= 1000; unit += 1; }
    return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
  }
})();
