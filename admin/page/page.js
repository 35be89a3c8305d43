// The page: what is asked for, and where what comes is shown.

const filter = { q: "", state: "all", listener: "", reason: "" };
let paused = false;
let looking = false; // the viewer waits for an answer
let missed = { came: 0, left: 0 }; // while paused
let latest; // what was last known: totals, listeners, name, version, draining

const recipesPanel = new Recipes();
const connections = new Plot(byID("plot-connections"), (v) => (v < 10 ? v.toFixed(1).replace(/\.0$/, "") : count(Math.round(v))), [""], true);
const traffic = new Plot(byID("plot-bytes"), bytes, ["in", "out"], false);
const rates = new Rates();

const roll = new Roll(() => look(Live.scrolling), () => look(0));
const live = new Live({ ask: question, answered: showAnswer, refused: unfilter, happened: showEvent, changed: showStatus });

// look asks for what the viewer wants to see, which a pause does not keep from them.
function look(apart) {
  looking = true;
  live.anew(apart);
}

// question is what is asked of /clients: the filter, and the window of the roll.
function question() {
  const { offset, limit } = roll.window();
  const query = new URLSearchParams({ state: filter.state, offset, limit });
  for (const key of ["q", "listener", "reason"]) if (filter[key]) query.set(key, filter[key]);
  if (roll.sort !== "clientid") query.set("sort", roll.sort);
  return query.toString();
}

// wanted is a query but for the window.
function wanted(query) {
  const q = new URLSearchParams(query);
  q.delete("offset");
  q.delete("limit");
  return q.toString();
}

function showAnswer(answer, query) {
  if (latest && latest.epoch !== answer.epoch) {
    rates.forget();
    roll.records.clear();
  }
  if (paused && latest && !looking) return false;
  looking = false;
  const first = !latest;
  if (paused && latest) {
    latest = { ...latest, epoch: answer.epoch, matched: answer.matched };
  } else {
    latest = answer;
    showTotals();
  }
  recipesPanel.set(answer.listeners);
  offer(byID("listener"), answer.listeners.map((l) => l.label));
  offer(byID("reason"), Object.keys(answer.totals.closed_by_reason ?? {}).sort());
  if (first) tick();
  // What was asked before the filter changed is not what is wanted any more.
  if (wanted(query) !== wanted(question())) return false;
  roll.set(answer);
  showMatched();
  return true;
}

function showEvent(event) {
  if (paused) {
    missed.came += event.joined.length + event.more.joined;
    missed.left += event.left.length + event.more.left;
    showStatus();
    return;
  }
  roll.mark(event.joined);
  if (latest) {
    latest = { ...latest, totals: event.totals, draining: event.draining };
    showTotals();
  }
  ticker.add(event);
}

function showTotals() {
  const { totals, name, version, draining } = latest;
  const here = count(totals.active);
  const node = byID("here");
  setText(node, here);
  node.style.setProperty("--digits", String(Math.max(here.length, 2)));
  setText(byID("sums"), `${count(totals.accepted)} came · ${count(totals.closed)} left`);
  setText(byID("server"), `${plain(name)} ${plain(version)}`);
  document.title = `${here} here – ${plain(name)} – parley`;
  document.body.classList.toggle("draining", Boolean(draining));
  showStatus();
}

function showMatched() {
  const { open, closed } = latest.matched;
  const parts = [];
  if (open || !closed) parts.push(`${count(open)} here`);
  if (closed) parts.push(`${count(closed)} left`);
  if (open + closed > Roll.most) parts.push(`the first ${count(Roll.most)} below`);
  setText(byID("matched"), parts.join(", "));
  const filtered = filter.q || filter.listener || filter.reason || filter.state !== "all";
  setText(byID("empty"), filtered ? "Nobody like that." : "Nobody yet. How to connect stands above.");
}

// offer fills a choice with words, and keeps what was chosen.
function offer(select, words) {
  if (select.words === words.join("\n")) return;
  select.words = words.join("\n");
  const before = select.value;
  if (before && !words.includes(before)) words.push(before);
  select.replaceChildren(new Option(`any ${select.id}`, ""), ...words.map((w) => new Option(plain(w), w)));
  select.value = before;
}

function showStatus() {
  const node = byID("status");
  let state = live.state;
  let text = { connecting: "connecting", live: "live", asking: "live, every 2 s", ending: "the server is stopping" }[state];
  if (state === "lost") {
    text = `lost since ${span((Date.now() - live.lostSince) / 1000)}, trying again${live.why ? `: ${plain(live.why)}` : ""}`;
  } else if (paused) {
    state = "paused";
    text = missed.came + missed.left ? `paused: ${count(missed.came)} came, ${count(missed.left)} left since` : "paused";
  } else if (latest?.draining) {
    state = "ending";
    text = "draining: no new clients";
  }
  node.dataset.state = state;
  setText(node, text);
  document.body.classList.toggle("lost", live.state === "lost");
  if (live.state !== spoken && (live.state === "lost" || spoken === "lost")) {
    setText(byID("announce"), live.state === "lost" ? "The server is lost. Trying again." : "The server is back.");
  }
  spoken = live.state;
}
let spoken = live.state;

// The ticker says who came and left: to the eye at once, to the ear every five seconds at most.
const ticker = {
  items: [], // the latest first: a record, and what it did
  unsaid: { came: [], left: [], cameCount: 0, leftCount: 0 },

  add({ joined, left, changed, more }) {
    for (const record of joined) this.items.unshift({ record, what: "came" });
    for (const record of left) this.items.unshift({ record, what: "left" });
    this.items.length = Math.min(this.items.length, 12);
    this.unsaid.came.push(...joined);
    this.unsaid.left.push(...left);
    this.unsaid.cameCount += joined.length + more.joined;
    this.unsaid.leftCount += left.length + more.left;
    this.name(changed);
    this.show();
    this.timer ??= setTimeout(() => this.say(), 5000);
  },

  // name gives those a name who said it only after they had come.
  name(changed) {
    const now = new Map(changed.map((record) => [record.clientid, record]));
    for (const item of this.items) item.record = now.get(item.record.clientid) ?? item.record;
    this.unsaid.came = this.unsaid.came.slice(0, 50).map((record) => now.get(record.clientid) ?? record);
  },

  show() {
    byID("latest").replaceChildren(...this.items.map(({ record, what }) => {
      const node = element("span", what === "left" ? "went" : "came");
      node.append(element("b", "", caller(record)), ` ${what}${what === "left" ? `, ${record.reason}` : ""}`);
      return node;
    }));
  },

  say() {
    this.timer = undefined;
    const { came, left, cameCount, leftCount } = this.unsaid;
    this.unsaid = { came: [], left: [], cameCount: 0, leftCount: 0 };
    const list = (records, n) => (n > 3 ? `${count(n)} clients` : records.map(caller).join(", "));
    const parts = [];
    if (cameCount) parts.push(`${list(came, cameCount)} came.`);
    if (leftCount) parts.push(`${list(left, leftCount)} left.`);
    if (parts.length && !paused) setText(byID("announce"), `${parts.join(" ")} ${count(latest.totals.active)} here.`);
  },
};

// tick is what happens each second: the plots move on, the idle times grow.
function tick() {
  if (live.state === "lost") {
    rates.forget();
    showStatus();
  }
  if (paused || !latest) return;
  const rate = live.state === "lost" ? null : rates.sample(latest.totals);
  connections.push(rate && [rate.accepted]);
  traffic.push(rate && [rate.received, rate.sent]);
  roll.soon();
}

// --- what the viewer does --------------------------------------------------------------------------------------------

byID("search").addEventListener("input", (event) => {
  clearTimeout(filter.timer);
  filter.timer = setTimeout(() => choose({ q: event.target.value.trim() }), 150);
});
for (const radio of document.querySelectorAll("input[name=state]")) {
  radio.addEventListener("change", () => choose({ state: radio.value }));
}
byID("listener").addEventListener("change", (event) => choose({ listener: event.target.value }));
byID("reason").addEventListener("change", (event) => choose({ reason: event.target.value }));

function choose(part) {
  Object.assign(filter, part);
  roll.reset();
  look(0);
}

// unfilter gives up what the server may not take: a listener or a reason that another run had, a search that is too long. It returns
// whether there was something.
function unfilter() {
  const any = Boolean(filter.q || filter.listener || filter.reason);
  clearTimeout(filter.timer);
  for (const [key, id] of [["q", "search"], ["listener", "listener"], ["reason", "reason"]]) {
    filter[key] = "";
    byID(id).value = "";
  }
  if (any) roll.reset();
  return any;
}

byID("pause").addEventListener("click", (event) => {
  paused = !paused;
  missed = { came: 0, left: 0 };
  event.target.setAttribute("aria-pressed", String(paused));
  setText(event.target, paused ? "Go on" : "Pause");
  rates.forget();
  showStatus();
  live.refresh(0);
});

byID("howto").addEventListener("click", (event) => showRecipes(event.target.getAttribute("aria-expanded") !== "true"));

function showRecipes(shown) {
  byID("howto").setAttribute("aria-expanded", String(shown));
  byID("connect").hidden = !shown;
  byID("hero").classList.toggle("without-connect", !shown);
}
// On a phone they would leave no room for the roll.
showRecipes(!matchMedia("(max-width: 47.99rem)").matches);

const themes = ["auto", "light", "dark"];
function useTheme(theme) {
  document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
  setText(byID("theme"), `Theme: ${theme}`);
  byID("theme").value = theme;
  store.set("theme", theme);
}
byID("theme").addEventListener("click", (event) => useTheme(themes[(themes.indexOf(event.target.value) + 1) % themes.length]));
useTheme(themes.includes(store.get("theme")) ? store.get("theme") : "auto");

setInterval(tick, 1000);
live.start();
