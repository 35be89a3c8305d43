// The columns of the roll: title, what /clients sorts by, and how a record shows.
const columns = [
  { key: "clientid", title: "#", name: "number", cell: "id", show: (r) => String(r.clientid) },
  { key: "name", title: "Who", cell: "who", show: (r) => plain(r.name || ""), more: (r) => plain(r.email || r.client_cn || "") },
  { key: "you", title: "Address", cell: "address", show: (r) => plain(r.you), more: (r) => (r.via ? `via ${plain(r.via)}` : "") },
  { key: "listener", title: "Listener", cell: "listener", show: (r) => plain(r.listener.split("?", 1)[0]) },
  {
    key: "since", title: "Since", cell: "since",
    show: (r) => clock(r.since), more: (r, now) => span(r.duration_seconds ?? (now - Date.parse(r.since)) / 1000),
  },
  {
    key: "last_active", title: "Idle", name: "time", cell: "idle number",
    show: (r, now) => (r.end ? "" : span((now - Date.parse(r.last_active)) / 1000)),
  },
  { key: "messages", title: "Messages", cell: "messages number", show: (r) => `${count(r.messages_received)} / ${count(r.messages_sent)}` },
  { key: "bytes", title: "Bytes", cell: "bytes number", show: (r) => `${bytes(r.received_bytes)} / ${bytes(r.sent_bytes)}` },
  { key: "reason", title: "State", cell: "state", show: (r) => (r.end ? r.reason : "here"), more: notes },
];

// notes is what else is to be known of a connection.
function notes(r) {
  const all = [];
  if (r.tls) all.push(`TLS ${plain(r.tls)}${r.sni ? ` for ${plain(r.sni)}` : ""}`);
  if (r.fault) all.push(`fault ${plain(r.fault)}`);
  if (r.message) all.push(`“${plain(r.message)}”`);
  return all.join(" · ");
}

// A Roll shows a window of a list that the server sorts, filters and cuts: of 10,000 clients, the rows in view are in the page and
// some around them in memory. Rows are as high as each other, so that the first in view is known from how far it is scrolled.
class Roll {
  static most = 200_000; // rows that a browser can make room for; the search finds the others
  static around = 100; // rows that are asked for above and below those in view
  static ahead = 40; // of which so many are to be known, for whoever scrolls on
  static kept = 4000; // records in memory

  constructor(onMove, onSort) {
    this.scroller = byID("roll");
    this.body = byID("rows");
    this.empty = byID("empty");
    this.onMove = onMove; // rows came into view that are not known
    this.records = new Map(); // by place in the list
    this.matched = { open: 0, closed: 0 };
    this.sort = "clientid";
    this.rowHeight = 44; // px, until the style says it
    this.marks = new Map(); // when a client came, by ID
    this.rows = []; // the nodes, row of place p in p modulo their number
    this.skew = 0; // of the server's clock against ours, ms
    this.makeHead(onSort);
    this.scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    this.scroller.addEventListener("pointerover", explain);
    new ResizeObserver(() => {
      this.rowHeight = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row"));
      this.soon();
    }).observe(this.scroller);
  }

  makeHead(onSort) {
    const choice = byID("sort");
    const choose = (sort) => {
      this.sort = sort;
      this.showSort();
      this.reset();
      onSort();
    };
    this.heads = columns.map((column) => {
      const head = element("th", column.cell);
      head.scope = "col";
      head.setAttribute("role", "columnheader");
      const button = element("button", "", column.title);
      button.type = "button";
      if (column.name) button.setAttribute("aria-label", `${column.title} ${column.name}`);
      button.addEventListener("click", () => choose(this.sort === column.key ? `-${column.key}` : column.key));
      head.append(button);
      const word = column.key === "clientid" ? "number" : column.title.toLowerCase();
      choice.append(new Option(`by ${word} ↑`, column.key), new Option(`by ${word} ↓`, `-${column.key}`));
      return head;
    });
    byID("head").append(...this.heads);
    choice.addEventListener("change", () => choose(choice.value));
    this.showSort();
  }

  showSort() {
    byID("sort").value = this.sort;
    columns.forEach(({ key }, i) => {
      const order = this.sort === key ? "ascending" : this.sort === `-${key}` ? "descending" : "none";
      this.heads[i].setAttribute("aria-sort", order);
    });
  }

  // soon paints in the next frame, once.
  soon() {
    this.due ??= requestAnimationFrame(() => {
      this.due = undefined;
      this.paint();
    });
  }

  get total() {
    return Math.min(this.matched.open + this.matched.closed, Roll.most);
  }

  // inView is the first place in view, and the one behind the last.
  inView() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight));
    return [first, first + Math.ceil(this.scroller.clientHeight / this.rowHeight) + 1];
  }

  // window is what to ask the server for.
  window() {
    const [first, end] = this.inView();
    const offset = Math.max(0, Math.min(first, this.total) - Roll.around);
    return { offset, limit: Math.min(1000, end - offset + Roll.around) };
  }

  // reset forgets the list: another one is wanted.
  reset() {
    this.records.clear();
    this.scroller.scrollTop = 0;
    this.soon();
  }

  // set takes an answer of /clients.
  set(answer) {
    this.skew = Date.parse(answer.time) - Date.now();
    this.matched = answer.matched;
    const { offset, clients } = answer;
    if (this.records.size + clients.length > Roll.kept) this.records.clear();
    clients.forEach((record, i) => this.records.set(offset + i, record));
    for (const place of this.records.keys()) if (place >= this.total) this.records.delete(place);
    this.answered = true;
    this.soon();
  }

  // mark has the row of somebody who has just come stand out, when it is shown.
  mark(records) {
    const now = Date.now();
    for (const [id, time] of this.marks) if (now - time > 3000) this.marks.delete(id);
    for (const { clientid } of records) this.marks.set(clientid, now);
  }

  paint() {
    const [first, end] = this.inView();
    const last = Math.min(end, this.total);
    this.scroller.style.setProperty("--height", `${this.total * this.rowHeight}px`);
    this.body.parentElement.setAttribute("aria-rowcount", String(this.total + 1));

    const wanted = end - first + 2;
    while (this.rows.length < wanted) this.rows.push(this.makeRow());
    const now = Date.now() + this.skew;
    let unknown = false;
    for (const place of [first - Roll.ahead, last + Roll.ahead]) unknown ||= place >= 0 && place < this.total && !this.records.has(place);
    for (let place = first; place < first + this.rows.length; place++) {
      const row = this.rows[place % this.rows.length];
      const record = this.records.get(place);
      unknown ||= !record && place < last;
      this.fill(row, place, place < last ? record : undefined, now, place >= last);
    }
    this.empty.hidden = this.total > 0 || !this.answered;
    if (unknown) this.onMove();
  }

  makeRow() {
    const row = element("tr");
    row.setAttribute("role", "row");
    row.hidden = true;
    row.cells_ = columns.map((column) => {
      const cell = element("td", column.cell);
      cell.setAttribute("role", "cell");
      const main = element("span", "main");
      const more = column.more ? element("span", "more") : null;
      cell.append(main);
      if (more) cell.append(more);
      row.append(cell);
      return { main, more };
    });
    this.body.append(row);
    return row;
  }

  fill(row, place, record, now, beyond) {
    row.hidden = beyond;
    if (beyond) return;
    if (row.place !== place || row.height !== this.rowHeight) {
      row.place = place;
      row.height = this.rowHeight;
      row.style.transform = `translateY(${place * this.rowHeight}px)`;
      row.setAttribute("aria-rowindex", String(place + 2));
    }
    const came = record && this.marks.get(record.clientid);
    const state = !record ? "unknown" : record.end ? "left" : came && Date.now() - came < 3000 ? "came" : "here";
    const className = `is-${state}${place === this.matched.open && place > 0 ? " first-left" : ""}${place % 2 ? " odd" : ""}`;
    if (row.className !== className) row.className = className;
    columns.forEach((column, i) => {
      const { main, more } = row.cells_[i];
      setText(main, record ? column.show(record, now) : "");
      if (more) setText(more, record ? column.more(record, now) : "");
    });
  }
}

// explain has a cell say all of what it may have no room for, when the pointer comes there.
function explain(event) {
  const cell = event.target.closest("td");
  if (cell) cell.title = [...cell.children].map((part) => part.textContent).join(" ");
}
