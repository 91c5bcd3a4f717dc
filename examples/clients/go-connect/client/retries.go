package client

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
)

// A unary call ends after this time, its repetitions included.
const callTimeout = 30 * time.Second

// retries makes unary calls again while the server is away; connect-go has no policy of its own for that. It is safe for what
// only reads and for what carries a request_id; another change that had happened already, such as a confirmation, is refused
// the second time. Streams are opened again by hand: see resumed.
type retries struct{}

func (retries) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		for {
			answer, err := next(ctx, request)
			if !isAway(ctx, err) || !wait(ctx, retryDelay(err)) {
				return answer, err
			}
		}
	}
}

func (retries) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (retries) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// isAway is true when the server stops, cannot be reached, or the connection broke, for which connect-go has several codes.
func isAway(ctx context.Context, err error) bool {
	var refused *connect.Error
	if !errors.As(err, &refused) || ctx.Err() != nil {
		return false
	}
	switch refused.Code() {
	case connect.CodeUnavailable:
		return true
	case connect.CodeCanceled, connect.CodeUnknown, connect.CodeInternal:
		return !connect.IsWireError(err)
	default:
		return false
	}
}

// wait answers false if the context ends before.
func wait(ctx context.Context, delay time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(delay):
		return true
	}
}
