// A Recipes is the panel that says how to connect to a listener: by netcat, by parley, and in five lines of Python.
class Recipes {
  constructor() {
    this.listeners = [];
    this.list = byID("recipes");
    this.choice = byID("connect-listener");
    this.host = byID("connect-host");
    this.choice.addEventListener("change", () => this.draw());
    this.host.addEventListener("input", () => {
      store.set("host", this.host.value.trim());
      this.draw();
    });
  }

  // set shows these listeners; nothing happens if they are the same.
  set(listeners) {
    const described = JSON.stringify(listeners.map(({ active, accepted, ...fixed }) => fixed));
    if (described === this.described) return;
    this.described = described;
    this.listeners = listeners;
    const before = this.choice.value;
    this.choice.replaceChildren(...listeners.map((l) => new Option(plain(l.label), l.label)));
    if (listeners.some((l) => l.label === before)) this.choice.value = before;
    if (!this.host.value) this.host.value = store.get("host") || "";
    this.host.placeholder = this.guess(listeners[0]);
    this.draw();
  }

  // guess is where clients reach a listener: on its own address or, if it takes any, where this page was found.
  guess(listener) {
    const { host } = target(listener);
    const any = !host || host === "::" || host === "0.0.0.0";
    return any ? location.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1" : host;
  }

  draw() {
    const listener = this.listeners.find((l) => l.label === this.choice.value);
    this.list.replaceChildren();
    if (!listener) return;
    this.host.placeholder = this.guess(listener);
    const { port, path } = target(listener);
    this.host.disabled = Boolean(path);
    const host = this.host.value.trim() || this.guess(listener);
    for (const [title, text] of recipes(listener, host, port, path)) {
      const code = element("pre");
      code.tabIndex = 0;
      code.setAttribute("aria-label", title);
      code.append(element("code", "", plain(text).replaceAll("\\x0a", "\n")));
      const body = element("dd");
      body.append(code);
      if (navigator.clipboard) body.append(this.copier(title, text));
      this.list.append(element("dt", "", title), body);
    }
  }

  copier(title, text) {
    const button = element("button", "copy", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${title}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    return button;
  }
}

// target splits the first address of a listener: a host and a port, or the path of a socket.
function target(listener) {
  const address = listener?.addresses?.[0] ?? "";
  if (address.startsWith("/") || address.startsWith("@") || address.startsWith("unix:")) {
    return { path: address.replace(/^unix:/, "") };
  }
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, "").replace(/%.*/, ""), port: address.slice(colon + 1) };
}

// recipes returns pairs of a title and the text to type.
function recipes(listener, host, port, path) {
  const { handler, wire, tls, try: asLogged = "" } = listener;
  const peer = path ? `unix:${path}` : `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const flags = asLogged.match(/--(wire|proxy|pin)=\S+/g) ?? [];
  if (tls && !flags.some((f) => f.startsWith("--pin="))) flags.push("--tls");
  if (handler === "register") flags.push("--name Ada");
  const parley = ["Parley", ["parley connect", ...flags, peer].join(" ")];
  const python = ["Python", pythonLines(listener, host, port, path).join("\n")];

  if (tls) return [["OpenSSL", path ? `openssl s_client -quiet -unix ${path}` : `openssl s_client -quiet -connect ${peer}`], parley, python];
  if (wire === "pickle") return [parley, python];
  const netcat = path ? `nc -U ${path}` : `nc ${host} ${port}`;
  if (wire === "json") return [["Netcat", `echo '${handler === "register" ? '{"name":"Ada"}' : '{"a":1}'}' | ${netcat.replace("nc ", "nc -N ")}`], parley, python];
  return [["Netcat", netcat], parley, python];
}

// pythonLines is a client of five lines: it says one thing and prints what it is told until the server closes. Against TLS it
// takes whatever certificate there is, as a lab's is signed by nobody.
function pythonLines({ handler, wire, tls }, host, port, path) {
  const quoted = (text) => `"${String(text).replace(/[\\"]/g, "\\$&")}"`;
  const modules = ["socket", ...(wire === "pickle" ? ["pickle"] : []), ...(wire === "json" ? ["json"] : []), ...(tls ? ["ssl"] : [])];
  const lines = [`import ${modules.sort().join(", ")}`];
  const record = handler === "register" ? `{"name": "Ada", "email": "ada@lab.test"}` : `{"say": "hello"}`;
  if (wire === "pickle" || wire === "json") lines.push(`me = ${record}`);
  if (path) lines.push("s = socket.socket(socket.AF_UNIX)", `s.connect(${quoted(path)})`);
  else lines.push(`s = socket.create_connection((${quoted(host)}, ${port}))`);
  if (tls) lines.push("s = ssl._create_unverified_context().wrap_socket(s)");

  switch (wire) {
    case "pickle":
      lines.push(`s.sendall(pickle.dumps(me)); f = s.makefile("rb")`, "while True: print(pickle.load(f))");
      break;
    case "json":
      lines.push(`s.sendall(json.dumps(me).encode() + b"\\n")`, "for line in s.makefile(): print(json.loads(line))");
      break;
    case "raw":
      lines.push(`s.sendall(b"hello")`, "while data := s.recv(4096): print(data)");
      break;
    default:
      lines.push(
        handler === "register" ? `s.sendall(b"name=Ada email=ada@lab.test\\n")` : `s.sendall(b"hello\\n")`,
        `for line in s.makefile(): print(line, end="")`,
      );
  }
  return lines;
}
