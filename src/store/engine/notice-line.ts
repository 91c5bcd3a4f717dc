/** Hears what comes over a `NoticeLine`. */
export interface NoticeListener {
  /** A text that some process has sent, this one included. */
  hear(text: string): void;
  /** Texts may have been missed. */
  miss(): void;
}

/** Carries short texts between the processes that use one database. */
export interface NoticeLine extends AsyncDisposable {
  /** Listens until it is disposed of; resolves when it does for the first time. */
  listen(listener: NoticeListener): Promise<void>;
  /** Sends texts together; rejects if they were not sent, or nobody knows. */
  send(texts: readonly string[]): Promise<void>;
  /** What a text has at most. */
  readonly maxBytes: number;
}
