/** Whether the control plane says that the last state is not there: while it does, the result waits, and is not said again. */
export class StateLack {
  readonly #onChange: () => void;
  #found = Promise.withResolvers<void>();
  #isOpen = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves once it has been said, and nothing was done about it yet. */
  get found(): Promise<void> {
    return this.#found.promise;
  }

  open(): void {
    this.#isOpen = true;
    this.#found.resolve();
    this.#onChange();
  }

  /** All was done that can be done: the result is said again, and the control plane looks. */
  close(): void {
    this.#isOpen = false;
    this.#found = Promise.withResolvers();
    this.#onChange();
  }
}
