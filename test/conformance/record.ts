import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import type { RegisterRequest, SessionRequest } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";

type Said = SessionRequest["message"];
export type SaidCase = NonNullable<Said["case"]>;
export type SaidValue<C extends SaidCase> = (Said & { case: C })["value"];

/** What an agent did, and when: `order` counts over everything. */
export interface Moment {
  readonly order: number;
  readonly atMs: number;
}

export interface Registered extends Moment {
  readonly request: RegisterRequest;
  readonly isRefused: boolean;
}

/** A stream that was opened, whether or not it was welcomed. */
export interface Opened extends Moment {
  readonly stream: number;
  readonly isRefused: boolean;
}

export interface Heard<C extends SaidCase> extends Moment {
  readonly stream: number;
  readonly value: SaidValue<C>;
}

/** A call of JobArtifactService. */
export interface Called extends Moment {
  readonly method: string;
  readonly jobId: string;
}

const validator = createValidator();

/** Everything that an agent did, in its order, and what it did against the rules that every message keeps. */
export class ProtocolRecord {
  readonly registrations: Registered[] = [];
  readonly streams: Opened[] = [];
  readonly calls: Called[] = [];
  /** What must not be, whichever rule is checked; a sentence each. */
  readonly faults: string[] = [];
  readonly #heard: (Moment & { readonly stream: number; readonly message: Said })[] = [];
  #order = 0;

  now(): Moment {
    this.#order++;
    return { order: this.#order, atMs: performance.now() };
  }

  fault(sentence: string): void {
    if (!this.faults.includes(sentence)) this.faults.push(sentence);
  }

  /** Notes a fault for each rule of the proto that a message breaks. */
  check<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): void {
    const result = validator.validate(schema, message);
    if (result.kind === "error") throw result.error;
    for (const violation of result.violations ?? [])
      this.fault(`${schema.name} breaks a rule of its proto: ${violation.toString()}`);
  }

  hear(stream: number, message: Said): void {
    this.#heard.push({ ...this.now(), stream, message });
  }

  /** Every message of a kind, oldest first. */
  heard<C extends SaidCase>(kind: C, streamNumber?: number): readonly Heard<C>[] {
    return this.#heard.flatMap(({ message, ...at }) =>
      message.case === kind && (streamNumber === undefined || at.stream === streamNumber)
        ? [{ ...at, value: message.value as SaidValue<C> }]
        : [],
    );
  }

  /** What was said first on a stream. */
  firstOn(streamNumber: number): SaidCase | undefined {
    return this.#heard.find(({ stream }) => stream === streamNumber)?.message.case;
  }
}
