// The browser's end of a live widget: attaches, acknowledges, asks, and starts over when a frame is missing.
// What a frame means is not here: each widget draws its own. The kernel's end is live_widget.py.

import { h } from "./dom.mjs";
import { withCode } from "./say.mjs";
import { followTheme } from "./theme.mjs";

/** Frames between two acknowledgements; the kernel pauses when four are unacknowledged. */
const ACKNOWLEDGE_EVERY = 2;

/**
 * An anywidget module around one drawing function.
 *
 * `draw({ model, root, link })` fills `root` (an element with our theme) from `model.get("snapshot")` and returns
 * `{ frame(head, body), recolour?(), stop?() }`: `frame` is called with every frame, its JSON head and its body as a
 * Uint8Array, `recolour` once the theme is known and when it changes, for what style sheets do not colour.
 * `link.ask(request)` answers with `{ head, body }`; `link.resync()` starts over with the full state.
 */
export function liveWidget(draw) {
  return {
    render({ model, el }) {
      const notice = h("div", { class: "ry-trouble", role: "alert", hidden: true });
      // JupyterLab would take arrow keys for its own, wherever the focus is.
      const root = h("div", { class: "ry", "data-lm-suppress-shortcuts": "true" }, notice);
      el.append(root);
      const showTrouble = (text) => {
        const again = h("button", { type: "button", onclick: () => link.resync() }, "Try again");
        notice.replaceChildren(h("span", {}, ...withCode(text)), again);
        notice.hidden = false;
      };

      const link = connect(model, {
        frame(head, body) {
          notice.hidden = true;
          view.frame(head, body);
        },
        trouble: showTrouble,
      });
      const { trouble } = model.get("snapshot");
      if (trouble) showTrouble(trouble);
      const view = draw({ model, root, link });
      const unfollow = followTheme(root, () => view.recolour?.());
      link.attach();

      return () => {
        link.close();
        view.stop?.();
        unfollow();
        root.remove();
      };
    },
  };
}

/**
 * One view's connection to the kernel through the messages of its model. DOM-free except for the visibility of the
 * page, which is asked of `page`.
 *
 * The stream of a view begins with frame 1 and has no holes; a hole means that frames were lost (a reconnect), and
 * is mended by asking for the full state again.
 */
export function connect(model, { frame, trouble }, page = globalThis.document) {
  // Not randomUUID: it is there on https and localhost only, and a server may be neither.
  const view = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const asked = new Map();
  let expected = 0; // 0: waits for the first frame of a stream

  const send = (message) => model.send({ ...message, view });
  const attach = () => {
    expected = 0;
    send({ kind: "attach", is_hidden: page.hidden });
  };
  const resync = () => {
    expected = 0;
    send({ kind: "resync" });
  };
  const changePace = () => send({ kind: "pace", is_hidden: page.hidden });

  const receive = (message, buffers) => {
    if (message.kind === "frame") {
      if (message.seq === 1) expected = 1;
      if (expected === 0) return;
      if (message.seq !== expected) return resync();
      expected += 1;
      if (message.seq % ACKNOWLEDGE_EVERY === 0) send({ kind: "ack", seq: message.seq });
      frame(message.head, bytes(buffers?.[0]));
    } else if (message.kind === "answer") {
      const waiting = asked.get(message.id);
      asked.delete(message.id);
      if (!waiting) return;
      if (message.head.kind === "refused") waiting.reject(new Error(message.head.text));
      else waiting.resolve({ head: message.head, body: bytes(buffers?.[0]) });
    } else if (message.kind === "trouble") {
      trouble(message.text);
    }
  };

  model.on("msg:custom", receive);
  page.addEventListener("visibilitychange", changePace);

  let questions = 0;
  return {
    attach,
    resync,
    ask(request) {
      // Every view of the model hears every answer, so an id names its view too.
      questions += 1;
      const id = `${view}:${questions}`;
      return new Promise((resolve, reject) => {
        asked.set(id, { resolve, reject });
        send({ kind: "ask", id, request });
      });
    },
    close() {
      model.off("msg:custom", receive);
      page.removeEventListener("visibilitychange", changePace);
      for (const { reject } of asked.values()) reject(new Error("The view was closed."));
      asked.clear();
      send({ kind: "detach" });
    },
  };
}

/** A buffer of a message, which hosts hand over in different wrappings, as a Uint8Array. */
function bytes(buffer) {
  if (!buffer) return new Uint8Array(0);
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
