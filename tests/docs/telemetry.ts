/** Providers for OpenTelemetry's API that write down what they are given. */

import {
  type Attributes,
  type Context,
  context,
  type ContextManager,
  createContextKey,
  type MeterProvider,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
  type TracerProvider,
} from "npm:@opentelemetry/api@1.9.0";

/** A span as it was made. */
export interface SeenSpan {
  readonly name: string;
  readonly kind: number | undefined;
  /** The `traceparent` that its parent came with. */
  readonly parent: unknown;
  readonly attributes: Record<string, unknown>;
  isError: boolean;
  ended: boolean;
}

/** What has been given to the providers. */
export interface Telemetry {
  readonly spans: SeenSpan[];
  readonly durations: { readonly seconds: number; readonly attributes: Attributes }[];
  /** The spans that were active at `noteActive`. */
  readonly active: unknown[];
  noteActive(): void;
  stop(): void;
}

const PARENT = createContextKey("traceparent");

/** Registers the providers until `stop`. */
export function recordTelemetry(): Telemetry {
  const telemetry: Telemetry = {
    spans: [],
    durations: [],
    active: [],
    noteActive: () => void telemetry.active.push(spansByObject.get(trace.getActiveSpan()!)),
    stop: () => [trace, metrics, context, propagation].forEach((api) => api.disable()),
  };
  const spansByObject = new Map<Span, SeenSpan>();
  const startSpan = (
    name: string,
    { kind, attributes = {} }: { kind?: number; attributes?: Attributes } = {},
    parent?: Context,
  ): Span => {
    const seen: SeenSpan = {
      name,
      kind,
      parent: parent?.getValue(PARENT),
      attributes: { ...attributes },
      isError: false,
      ended: false,
    };
    telemetry.spans.push(seen);
    const span = {
      setAttributes: (more: Attributes) => Object.assign(seen.attributes, more),
      setStatus: ({ code }: { code: SpanStatusCode }) => seen.isError = code === SpanStatusCode.ERROR,
      recordException: () => {},
      end: () => seen.ended = true,
    } as unknown as Span;
    spansByObject.set(span, seen);
    return span;
  };
  const record = (seconds: number, attributes: Attributes): void =>
    void telemetry.durations.push({ seconds, attributes });
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) } as unknown as TracerProvider);
  metrics.setGlobalMeterProvider(
    { getMeter: () => ({ createHistogram: () => ({ record }) }) } as unknown as MeterProvider,
  );
  propagation.setGlobalPropagator({
    inject: () => {},
    extract: (context, carrier) => context.setValue(PARENT, (carrier as { traceparent?: string }).traceparent),
    fields: () => [],
  });
  context.setGlobalContextManager(new SynchronousContext());
  return telemetry;
}

/** Keeps a context while a function runs. */
class SynchronousContext implements ContextManager {
  #active = ROOT_CONTEXT;

  active(): Context {
    return this.#active;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const before = this.#active;
    this.#active = context;
    try {
      return fn.call(thisArg as ThisParameterType<F>, ...args);
    } finally {
      this.#active = before;
    }
  }

  bind<T>(_context: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}
