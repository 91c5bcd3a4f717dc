package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Detail finds the detail of a kind that an error carries; nil, whose methods answer zero values, if it has none.
// Programs branch on the code and on ErrorInfo's reason, one of windlass/v1/error_reason.proto; the text is for people.
func Detail[T any](err error) T {
	var found T
	for _, each := range status.Convert(err).Details() {
		if it, ok := each.(T); ok {
			found = it
		}
	}
	return found
}

// Explain says what a person should read of an error: code, reason and facts, then its sentence or, if there are any, the
// fields that broke a rule.
func Explain(err error) string {
	info := Detail[*errdetails.ErrorInfo](err)
	first := fmt.Sprint(status.Code(err), " ", info.GetReason())
	for _, key := range slices.Sorted(maps.Keys(info.GetMetadata())) {
		first += fmt.Sprintf(" %s=%s", key, info.GetMetadata()[key])
	}
	lines := []string{first}
	for _, violation := range Detail[*errdetails.BadRequest](err).GetFieldViolations() {
		lines = append(lines, fmt.Sprintf("%s: %s", violation.GetField(), violation.GetDescription()))
	}
	if len(lines) == 1 {
		lines = append(lines, status.Convert(err).Message())
	}
	return strings.Join(lines, "\n  ")
}

// retryDelay is how long the server asks to wait, or a second.
func retryDelay(err error) time.Duration {
	if asked := Detail[*errdetails.RetryInfo](err).GetRetryDelay(); asked != nil {
		return asked.AsDuration()
	}
	return time.Second
}
