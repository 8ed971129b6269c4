// Shows a guest's screen (through noVNC) or serial port. The address's fragment says which, and has the
// token, which is good for one connection: #vnc=TOKEN or #serial=TOKEN.

const screen = document.getElementById("screen");
const [kind, token] = location.hash.slice(1).split("=");
// What was used is worth nothing; it need not stay in the address.
history.replaceState(null, "", location.pathname);

// A token's connection. A reload needs another token.
function address() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/api/v1/console?token=${encodeURIComponent(token)}`;
}

function tell(text) {
  document.getElementById("status").textContent = text;
}

const ENDED = "Closed: the guest is off, its host is away, or the token was used before. Ask for another with: inn vm vnc";

async function showScreen() {
  const { default: RFB } = await import("./novnc/core/rfb.js");
  const view = new RFB(screen, address(), { shared: true, wsProtocols: ["binary"] });
  view.scaleViewport = true;
  view.addEventListener("connect", () => {
    tell("Connected");
    view.focus();
  });
  view.addEventListener("disconnect", () => tell(ENDED));
  view.addEventListener("desktopname", (event) => { document.title = event.detail.name; });
  const reset = document.getElementById("ctrl-alt-del");
  reset.hidden = false;
  reset.addEventListener("click", () => view.sendCtrlAltDel());
}

// ---- the serial port: a line printer, not a terminal -------------------------------------------

const LONGEST = 200_000;
const KEYS = {
  Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b", Delete: "\x1b[3~", Home: "\x1b[H", End: "\x1b[F",
  ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C", ArrowLeft: "\x1b[D",
};

function typed(event) {
  if (event.metaKey || event.altKey) return "";
  if (event.ctrlKey) {
    return /^[a-z\]\\[]$/i.test(event.key) ? String.fromCharCode(event.key.toUpperCase().charCodeAt(0) & 31) : "";
  }
  return KEYS[event.key] ?? (event.key.length === 1 ? event.key : "");
}

function printed(before, text) {
  const plain = text.replace(/\x1b(\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])/g, "").replace(/\r+\n/g, "\n");
  let shown = before;
  for (const letter of plain) {
    if (letter === "\b") shown = shown.slice(0, -1);
    else if (letter >= " " || letter === "\n" || letter === "\t") shown += letter;
  }
  return shown.slice(-LONGEST);
}

function showSerial() {
  const paper = screen.appendChild(document.createElement("pre"));
  paper.tabIndex = 0;
  const socket = new WebSocket(address(), ["binary"]);
  socket.binaryType = "arraybuffer";
  const letters = new TextDecoder();
  socket.addEventListener("open", () => {
    tell("Connected");
    paper.focus();
  });
  socket.addEventListener("close", () => tell(ENDED));
  socket.addEventListener("message", (event) => {
    paper.textContent = printed(paper.textContent, letters.decode(event.data, { stream: true }));
    screen.scrollTop = screen.scrollHeight;
  });
  const send = (text) => socket.send(new TextEncoder().encode(text));
  paper.addEventListener("keydown", (event) => {
    const text = typed(event);
    if (!text) return;
    event.preventDefault();
    send(text);
  });
  paper.addEventListener("paste", (event) => send(event.clipboardData.getData("text").replace(/\n/g, "\r")));
}

if (!token) {
  tell("This page needs a token: inn vm vnc VM prints an address that has one.");
} else if (kind === "serial") {
  showSerial();
} else {
  showScreen().catch((error) => tell(`noVNC cannot be loaded: ${error.message}`));
}
