// A Live keeps up with the server: by its events, by asking for what is in view when they say that something changed, and by asking
// now and then in any case. It begins again by itself when the server was away, or is another one.
class Live {
  static apart = 250; // ms between two questions when something changes
  static scrolling = 100; // and when another part of the list comes into view
  static quiet = 10_000; // ms without an answer after which it asks; 2 s where there are no events
  static patience = 8_000; // ms that an answer may take
  static again = 1000; // ms until the next try
  static deaf = 5000; // ms without an event while something changed, after which the stream is taken for dead

  // ask returns the query; answered and happened take what comes, and answered returns whether it was of use; refused is called when
  // the server finds fault with the query, and returns whether the next one is another; changed is called when state is another one.
  constructor({ ask, answered, refused, happened, changed }) {
    Object.assign(this, { ask, answered, refused, happened, changed });
    this.state = "connecting"; // connecting, live, asking (no events), ending, lost
    this.streaming = false;
    this.lostSince = Date.now();
    this.lastAsked = 0;
    this.lastAnswer = 0;
    this.lastEvent = 0;
  }

  start() {
    this.listen();
    this.refresh(0);
    setInterval(() => {
      const since = Date.now() - Math.max(this.lastAnswer, this.lastAsked);
      if (since > (this.streaming ? Live.quiet : 2 * Live.again)) this.refresh(0);
    }, 1000);
    // A machine that slept, or a tab in the background, is late.
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh(0));
  }

  to(state, why = "") {
    if (state === "lost" && this.state !== "lost" && this.state !== "connecting") this.lostSince = Date.now();
    if (state === this.state && why === this.why) return;
    this.state = state;
    this.why = why;
    this.changed();
  }

  listen() {
    const query = this.lastID ? `?last_event_id=${encodeURIComponent(this.lastID)}` : "";
    const events = (this.events = new EventSource(`events${query}`));
    const on = (name, then) => events.addEventListener(name, (event) => {
      this.lastEvent = Date.now();
      then(JSON.parse(event.data || "{}"));
      if (event.lastEventId) this.lastID = event.lastEventId; // Behind then, which forgets that of another run.
    });
    on("hello", (hello) => {
      this.streaming = true;
      this.meet(hello.epoch);
      this.refresh(0);
    });
    on("roster", (roster) => {
      this.happened(roster);
      this.refresh(Live.apart);
    });
    on("reset", () => this.refresh(0));
    on("bye", () => this.to("ending"));
    // A browser tries again by itself after some errors and not after others: so it is never left to it.
    events.onerror = () => {
      events.close();
      this.streaming = false;
      this.refresh(0);
      setTimeout(() => this.listen(), Live.again * (1 + Math.random() / 4));
    };
  }

  // meet forgets what was known of another run of the server.
  meet(epoch) {
    if (this.epoch && this.epoch !== epoch) {
      this.lastID = undefined;
      this.etag = undefined;
    }
    this.epoch = epoch;
  }

  // anew asks for an answer even if it were the same as the one before.
  anew(apart) {
    this.etag = undefined;
    this.refresh(apart);
  }

  // refresh asks at the earliest `apart` ms after the question before. One question is under way at a time.
  refresh(apart) {
    const at = this.lastAsked + apart;
    if (this.asking) {
      this.asking.again = Math.min(this.asking.again ?? Infinity, at);
      return;
    }
    if (this.timer && this.due <= at) return;
    clearTimeout(this.timer);
    this.due = at;
    this.timer = setTimeout(() => this.question(), Math.max(0, at - Date.now()));
  }

  async question() {
    this.timer = undefined;
    this.lastAsked = Date.now();
    const asking = (this.asking = {});
    const query = this.ask();
    try {
      const headers = this.etag && query === this.query ? { "If-None-Match": this.etag } : {};
      const response = await fetch(`clients?${query}`, { headers, cache: "no-store", signal: AbortSignal.timeout(Live.patience) });
      if (response.ok) {
        const answer = await response.json();
        if (this.epoch !== answer.epoch) this.meet(answer.epoch);
        const used = this.answered(answer, query);
        this.etag = used ? response.headers.get("ETag") : undefined;
        this.query = query;
        // Of what has changed there should have been an event: a machine that slept does not notice that its connection is gone.
        if (headers["If-None-Match"] && this.streaming && Date.now() - this.lastEvent > Live.deaf) {
          this.events.close();
          this.listen();
        }
      } else if (response.status === 400 && this.refused()) {
        asking.again = this.lastAsked + Live.apart;
      } else if (response.status !== 304) {
        const said = (await response.text()).split("\n", 1)[0];
        throw new Error(`${response.status} ${said || response.statusText}`);
      }
      this.lastAnswer = Date.now();
      if (this.state !== "ending" || this.streaming) this.to(this.streaming ? "live" : "asking");
    } catch (error) {
      this.to("lost", error instanceof TypeError || error.name === "TimeoutError" ? "" : error.message);
    }
    this.asking = undefined;
    if (asking.again !== undefined) this.refresh(Math.max(0, asking.again - this.lastAsked));
  }
}
