// A Plot draws the last two minutes, a point a second. Each series is one line or, as bars, one column a second.
class Plot {
  static points = 120;

  constructor(figure, format, names, bars) {
    this.format = format; // of a value
    this.names = names; // of the series
    this.bars = bars;
    this.samples = []; // each an array of a value a series, or null where nothing is known
    this.value = figure.querySelector(".value");
    this.peak = figure.querySelector(".peak");
    this.svg = figure.querySelector("svg");
    this.title = figure.querySelector(".title").textContent;
    this.paths = names.map((_, i) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", `series series-${i}${bars ? " bars" : ""}`);
      this.svg.append(path);
      return path;
    });
  }

  push(sample) {
    this.samples.push(sample);
    if (this.samples.length > Plot.points) this.samples.shift();
    this.draw();
  }

  draw() {
    const known = this.samples.filter((s) => s);
    const peak = Math.max(0, ...known.flat());
    const top = Math.max(peak, 1) * 1.08;
    this.paths.forEach((path, series) => path.setAttribute("d", this.outline(series, top)));
    const last = this.samples.at(-1);
    const words = last ? last.map((v, i) => `${this.format(v)} ${this.names[i]}`.trim()) : ["–"];
    this.value.replaceChildren(...words.map((word) => element("span", "", word)));
    setText(this.peak, peak > 0 ? `peak ${this.format(peak)}` : "");
    if (this.samples.length % 5 === 1 || !last) {
      this.svg.setAttribute("aria-label", `${this.title}: ${words.join(", ")}, peak ${this.format(peak)} in two minutes`);
    }
  }

  // outline is what a series looks like, the newest second at the right edge. A second of which nothing is known is a gap.
  outline(series, top) {
    const first = Plot.points - this.samples.length;
    const y = (v) => (40 - (v / top) * 39).toFixed(2);
    let d = "";
    let open = -1; // where the area under way began
    const end = (x) => {
      if (open >= 0) d += `V40H${open}Z`;
      open = -1;
      return x;
    };
    this.samples.forEach((sample, i) => {
      const x = first + i;
      if (!sample) {
        end(x);
      } else if (this.bars) {
        if (sample[series] > 0) d += `M${x + 0.12} 40V${y(sample[series])}h0.76V40Z`;
      } else if (open < 0) {
        open = x;
        d += `M${x} 40V${y(sample[series])}`;
      } else {
        d += `L${x} ${y(sample[series])}`;
      }
    });
    end();
    return d;
  }
}

// A Rates turns totals that only grow into what was added a second.
class Rates {
  constructor() {
    this.forget();
  }

  // forget begins anew: the server is another one, or was away.
  forget() {
    this.before = null;
  }

  // sample returns what was added a second since the sample before, null the first time.
  sample(totals) {
    const now = performance.now();
    const before = this.before;
    this.before = { totals, now };
    if (!before || now <= before.now) return null;
    const a = (key) => Math.max(0, ((totals[key] - before.totals[key]) * 1000) / (now - before.now));
    return { accepted: a("accepted"), received: a("received_bytes"), sent: a("sent_bytes") };
  }
}
