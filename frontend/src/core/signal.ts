/** A value that tells its readers when it changes. */

export class Signal<T> {
  #value: T;
  #readers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    if (value === this.#value) return;
    this.#value = value;
    this.notify();
  }

  /** Tell the readers although the reference is the same (a map or list changed inside). */
  notify(): void {
    for (const reader of this.#readers) reader(this.#value);
  }

  /** Call `reader` now and at every change. */
  watch(reader: (value: T) => void): void {
    this.#readers.add(reader);
    reader(this.#value);
  }
}
