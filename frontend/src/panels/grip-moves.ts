/** What grips of the chart have in common: where they stand, and how a pointer moves them. */

import type { MainApi } from "./chart-series.ts";

/** A press that moves less than this is no drag. */
const SLACK_PX = 3;
const GRIP_HEIGHT_PX = 22;

/** A grip and its price; pixels need no exact one. */
export interface Placed {
  element: HTMLElement;
  price: number;
}

/**
 * Put each grip of a layer beside its price. Those that would lie on one another stand side by side,
 * from the right, or from the left (`direction` 1); those outside of the prices on show are at the
 * edge, by keyboard alone.
 */
export function placeGrips(
  layer: HTMLElement,
  series: MainApi,
  grips: readonly Placed[],
  direction: 1 | -1 = -1,
): void {
  const height = series.getPane().getHeight();
  layer.style.setProperty("--axis-width", `${series.priceScale().width()}px`);
  layer.style.setProperty("--pane-height", `${height}px`);
  const placed: { y: number; end: number }[] = [];
  for (const { element, price } of grips) {
    const y = series.priceToCoordinate(price);
    const isAway = y === null || y < 0 || y > height;
    element.classList.toggle("away", isAway);
    const top = Math.min(Math.max(y ?? 0, GRIP_HEIGHT_PX / 2), height - GRIP_HEIGHT_PX / 2);
    let aside = 0;
    if (!isAway) {
      for (const { y: taken, end } of placed)
        if (Math.abs(taken - top) < GRIP_HEIGHT_PX) aside = Math.max(aside, end);
      placed.push({ y: top, end: aside + element.offsetWidth + 4 });
    }
    const [x, down] = [aside * direction, top - GRIP_HEIGHT_PX / 2];
    element.style.transform = `translate(${x}px, ${down}px)`;
  }
}

/** Whose grip is dragged; prices are those of the chart's pixels. */
export interface Dragging {
  series: () => MainApi;
  /** Where it stands as it is grabbed; null where it cannot be moved. */
  grab: () => number | null;
  move: (price: number) => void;
  /** It was let go where it was moved to. */
  drop: () => void;
  /** It was let go where it was, or the pointer was taken away. */
  leave: () => void;
}

/** Let a pointer drag `body`, which is in `layer`, up and down. */
export function dragByPointer(body: HTMLElement, layer: HTMLElement, dragging: Dragging): void {
  let grabbed: { pointer: number; startY: number; offset: number; isDrag: boolean } | null = null;
  body.addEventListener("pointerdown", (event) => {
    const price = event.button === 0 ? dragging.grab() : null;
    if (price === null) return;
    const y = dragging.series().priceToCoordinate(price) ?? 0;
    const offset = event.clientY - layer.getBoundingClientRect().top - y;
    grabbed = { pointer: event.pointerId, startY: event.clientY, offset, isDrag: false };
    body.setPointerCapture(event.pointerId);
  });
  body.addEventListener("pointermove", (event) => {
    if (grabbed?.pointer !== event.pointerId) return;
    grabbed.isDrag ||= Math.abs(event.clientY - grabbed.startY) >= SLACK_PX;
    if (!grabbed.isDrag) return;
    const y = event.clientY - layer.getBoundingClientRect().top - grabbed.offset;
    const price = dragging.series().coordinateToPrice(y);
    if (price !== null) dragging.move(price);
  });
  body.addEventListener("pointerup", (event) => {
    if (grabbed?.pointer !== event.pointerId) return;
    const { isDrag } = grabbed;
    grabbed = null;
    if (isDrag) dragging.drop();
    else dragging.leave();
  });
  body.addEventListener("pointercancel", () => {
    grabbed = null;
    dragging.leave();
  });
}
