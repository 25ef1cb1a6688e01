// Dragging, pinching, the wheel: what a hand does on a drawing, as moves of the drawing. What they move is up to it.
//
// A plain vertical wheel and a vertical swipe stay the page's: a drawing in a page must not swallow its scrolling.

const DRAG_STARTS = 4; // px: less is a click with an unsteady hand
const WHEEL_STEP = 0.0025; // of a zoom factor's logarithm per px of wheel
const WHEEL_MOST = 120; // px of one wheel event: some mice send hundreds

/**
 * Follow the gestures on `element` until the function returned is called: `pan(dx, dy)`, `zoom(factor, x, y)` about a
 * point of the element, and `brush(from, to, isDone)`, where there is one, while shift is held. `isZoomed(y)` tells
 * where a plain wheel zooms too. A drag is not followed by a click.
 */
export function followGestures(element, { pan, zoom, brush, isZoomed = () => false }) {
  const held = new Map(); // pointer id -> where it is
  let start = null;
  let isDrag = false;
  let isBrush = false;

  const point = ({ clientX, clientY }) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const apart = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);

  const listeners = {
    pointerdown(event) {
      if (event.button !== 0) return;
      held.set(event.pointerId, point(event));
      if (held.size > 1) return;
      start = point(event);
      isDrag = false;
      isBrush = Boolean(brush) && event.shiftKey;
    },
    pointermove(event) {
      if (!held.has(event.pointerId)) return;
      const before = [...held.values()];
      const from = held.get(event.pointerId);
      const to = point(event);
      if (!isDrag && Math.hypot(to.x - start.x, to.y - start.y) < DRAG_STARTS) return;
      if (!isDrag) element.setPointerCapture(event.pointerId);
      isDrag = true;
      held.set(event.pointerId, to);
      if (held.size === 2) {
        const [a, b] = [...held.values()];
        zoom(apart([a, b]) / Math.max(1, apart(before)), (a.x + b.x) / 2, (a.y + b.y) / 2);
      }
      if (isBrush) brush(start, to, false);
      else pan((to.x - from.x) / held.size, (to.y - from.y) / held.size);
    },
    pointerup(event) {
      if (isBrush && isDrag) brush(start, point(event), true);
      held.delete(event.pointerId);
    },
    pointercancel(event) {
      held.delete(event.pointerId);
    },
    wheel(event) {
      const { x, y } = point(event);
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey || event.metaKey || (isZoomed(y) && !isSideways)) {
        const turned = Math.max(-WHEEL_MOST, Math.min(WHEEL_MOST, event.deltaY));
        // A pinch on a touchpad comes as a wheel with the control key, in much smaller steps.
        zoom(Math.exp(-turned * WHEEL_STEP * (Math.abs(turned) < 20 ? 4 : 1)), x, y);
      } else if (isSideways) pan(-event.deltaX, 0);
      else return;
      event.preventDefault();
    },
  };
  const swallowClick = (event) => {
    if (isDrag) event.stopPropagation();
    isDrag = false;
  };
  for (const [name, listener] of Object.entries(listeners)) {
    element.addEventListener(name, listener, { passive: false });
  }
  element.addEventListener("click", swallowClick, { capture: true });
  return () => {
    for (const [name, listener] of Object.entries(listeners)) element.removeEventListener(name, listener);
    element.removeEventListener("click", swallowClick, { capture: true });
  };
}
