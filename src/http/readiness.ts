/** Whether this server can serve: the database answers, migrations are current, and it is not stopping. */
export class Readiness {
  #isReady = false;
  #change = Promise.withResolvers<void>();

  get isReady(): boolean {
    return this.#isReady;
  }

  set(isReady: boolean): void {
    if (isReady === this.#isReady) return;
    this.#isReady = isReady;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return this.#change.promise;
  }
}
