/** Whether this server can serve: the database answers, migrations are current, and it is not stopping. */
export class Readiness {
  #isOpen = false;
  #hindrance: () => string | undefined = () => undefined;
  #last = false;
  #change = Promise.withResolvers<void>();

  get isReady(): boolean {
    return this.whyNot === undefined;
  }

  /** Why it cannot; undefined if it can. */
  get whyNot(): string | undefined {
    return this.#isOpen ? this.#hindrance() : "the server starts or stops";
  }

  set(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.look();
  }

  /** From now on it cannot while this says why. */
  hinder(hindrance: () => string | undefined): void {
    this.#hindrance = hindrance;
    this.look();
  }

  /** Tells those who wait if it is otherwise than before. */
  look(): void {
    const { isReady } = this;
    if (isReady === this.#last) return;
    this.#last = isReady;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return this.#change.promise;
  }
}
