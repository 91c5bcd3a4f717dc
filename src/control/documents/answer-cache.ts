const maxAnswers = 200;
const maxCharacters = 16 * 1024 * 1024;

interface Entry {
  readonly answer: Promise<unknown>;
  characters: number;
}

/**
 * Answers about documents that never change, the least used forgotten first. Who asks the same at the same time gets
 * one answer.
 */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  #characters = 0;

  /** The answer that is known or on its way, else a new one. One that fails is forgotten. */
  async get<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.answer as Promise<T>;
    }
    const asked = ask();
    const entry: Entry = { answer: asked, characters: 0 };
    this.#entries.set(key, entry);
    try {
      const answer = await asked;
      this.#keep(key, entry, answer instanceof Uint8Array ? answer.length : JSON.stringify(answer).length);
      return answer;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  #keep(key: string, entry: Entry, characters: number): void {
    if (this.#entries.get(key) !== entry) return;
    entry.characters = characters;
    this.#characters += characters;
    for (const [oldest, { characters: freed }] of this.#entries) {
      if (this.#entries.size <= maxAnswers && this.#characters <= maxCharacters) return;
      this.#entries.delete(oldest);
      this.#characters -= freed;
    }
  }
}
