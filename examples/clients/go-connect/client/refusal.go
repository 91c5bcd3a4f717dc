package client

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Detail finds the detail of a kind that an error carries; nil, whose methods answer zero values, if it has none.
// Programs branch on the code and on ErrorInfo's reason, one of windlass/v1/error_reason.proto; the text is for people.
func Detail[T any](err error) T {
	var found T
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return found
	}
	for _, each := range refused.Details() {
		value, err := each.Value()
		if it, ok := value.(T); ok && err == nil {
			found = it
		}
	}
	return found
}

// Explain says what a person should read of an error: code, reason and facts, then its sentence or, if there are any, the
// fields that broke a rule.
func Explain(err error) string {
	info := Detail[*errdetails.ErrorInfo](err)
	first := fmt.Sprint(connect.CodeOf(err), " ", info.GetReason())
	for _, key := range slices.Sorted(maps.Keys(info.GetMetadata())) {
		first += fmt.Sprintf(" %s=%s", key, info.GetMetadata()[key])
	}
	lines := []string{first}
	for _, violation := range Detail[*errdetails.BadRequest](err).GetFieldViolations() {
		lines = append(lines, fmt.Sprintf("%s: %s", violation.GetField(), violation.GetDescription()))
	}
	var refused *connect.Error
	if len(lines) == 1 && errors.As(err, &refused) {
		lines = append(lines, refused.Message())
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
