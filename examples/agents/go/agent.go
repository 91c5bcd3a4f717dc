package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

const version = "0.1.0"

var (
	errLeft          = errors.New("said goodbye")
	errTokenRejected = errors.New("the agent token was rejected")
	errDeleted       = errors.New("the agent was deleted, or another process took its place")
)

// agent is one registration with one data directory, and the jobs that it holds.
type agent struct {
	settings    settings
	gateway     agentv1.AgentGatewayServiceClient
	artifacts   agentv1.JobArtifactServiceClient
	incarnation string
	bootID      string
	// wake says to the stream that there is something to tell.
	wake chan struct{}

	mu           sync.Mutex
	jobs         map[string]*job
	drainReason  string
	sessionToken string
	generation   string
	lastEpoch    uint64
}

func newAgent(s settings) (*agent, error) {
	jobsDir := filepath.Join(s.dataDir, "jobs")
	if err := os.MkdirAll(jobsDir, 0o700); err != nil {
		return nil, err
	}
	incarnation, err := loadIncarnation(s.dataDir)
	if err != nil {
		return nil, err
	}
	connection, err := s.dial()
	if err != nil {
		return nil, err
	}
	a := &agent{
		settings:    s,
		gateway:     agentv1.NewAgentGatewayServiceClient(connection),
		artifacts:   agentv1.NewJobArtifactServiceClient(connection),
		incarnation: incarnation,
		bootID:      uuid.NewString(),
		wake:        make(chan struct{}, 1),
		jobs:        map[string]*job{},
	}
	specs, err := storedOffers(jobsDir)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		a.hold(spec)
	}
	return a, nil
}

// hold takes up a job whose offer is on the disk.
func (a *agent) hold(spec *agentv1.JobSpec) {
	j := newJob(a, spec)
	a.jobs[j.key] = j
	go j.run()
}

func (a *agent) forget(j *job) {
	if err := os.RemoveAll(j.dir); err != nil {
		slog.Warn("the directory of a job stays", "job", j.key, "err", err)
	}
	a.mu.Lock()
	delete(a.jobs, j.key)
	a.mu.Unlock()
	a.poke()
}

// poke wakes the stream up.
func (a *agent) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *agent) drain(reason string) {
	a.mu.Lock()
	if a.drainReason == "" {
		slog.Info("draining", "reason", reason)
		a.drainReason = reason
	}
	a.mu.Unlock()
	a.poke()
}

func (a *agent) isDone() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.drainReason != "" && len(a.jobs) == 0
}

func (a *agent) hasJobs() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.jobs) > 0
}

// run connects, and connects again, until something is final.
func (a *agent) run(ctx context.Context) error {
	for failures := 0; ; {
		began := time.Now()
		err := a.connect(ctx)
		if time.Since(began) > 5*time.Second {
			failures = 0
		}
		pause, final := a.after(err, failures)
		if final != nil {
			return final
		}
		failures++
		slog.Info("not connected", "err", err, "again_in", pause.Round(time.Millisecond))
		if a.waitIdle(pause) {
			return errLeft
		}
	}
}

// waitIdle waits, and answers whether the agent has become done meanwhile.
func (a *agent) waitIdle(pause time.Duration) bool {
	for end := time.After(pause); ; {
		if a.isDone() {
			return true
		}
		select {
		case <-end:
			return false
		case <-a.wake:
		}
	}
}

// closedError is what the server said when it ended the stream on purpose [session.end].
type closedError struct {
	reason agentv1.CloseReason
	detail string
}

func (e closedError) Error() string {
	return fmt.Sprintf("the server closed the stream: %s: %s", e.reason, e.detail)
}

// reconnectError asks to come back between two moments.
type reconnectError struct{ after, spread time.Duration }

func (e reconnectError) Error() string { return "the server asked to come back later" }

// after decides what follows an end: a pause, or nothing more.
func (a *agent) after(err error, failures int) (time.Duration, error) {
	var closed closedError
	var later reconnectError
	aMinute := time.Minute + rand.N(30*time.Second)
	switch {
	case errors.Is(err, errLeft):
		return 0, errLeft
	case errors.As(err, &later):
		return later.after + rand.N(later.spread+1), nil
	case errors.Is(err, errTokenRejected) && !a.hasJobs():
		return 0, err
	case errors.Is(err, errTokenRejected):
		return aMinute, nil
	case errors.As(err, &closed):
		switch closed.reason {
		case agentv1.CloseReason_CLOSE_REASON_SUPERSEDED, agentv1.CloseReason_CLOSE_REASON_DELETED:
			return 0, fmt.Errorf("%w: %w", errDeleted, err)
		case agentv1.CloseReason_CLOSE_REASON_REVOKED,
			agentv1.CloseReason_CLOSE_REASON_PROTOCOL,
			agentv1.CloseReason_CLOSE_REASON_FLOOD:
			return aMinute, nil
		}
	}
	return retryDelay(err) + rand.N(min(time.Second<<min(failures, 5), 20*time.Second)), nil
}

// retryDelay is what the server asks to wait, in google.rpc.RetryInfo.
func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func isUnauthenticated(err error) bool {
	code := status.Code(err)
	return code == codes.Unauthenticated || code == codes.PermissionDenied
}

// connect registers if there is no session token, and holds one stream.
func (a *agent) connect(ctx context.Context) error {
	if a.sessionToken == "" {
		if err := a.register(ctx); err != nil {
			return err
		}
	}
	err := a.converse(ctx)
	if isUnauthenticated(err) {
		a.sessionToken = "" // [session.token]
	}
	return err
}

func (a *agent) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	answer, err := a.gateway.Register(bearer(ctx, a.settings.token), &agentv1.RegisterRequest{
		Incarnation: a.incarnation, BootId: a.bootID,
		Name: a.settings.name, Version: version,
		MinimumProtocol: 1, MaximumProtocol: 1,
		Os: runtime.GOOS, Arch: runtime.GOARCH,
		Concurrency: 1, Sandbox: "none",
	})
	if isUnauthenticated(err) {
		return fmt.Errorf("%w: %w", errTokenRejected, err)
	}
	if err != nil {
		return err
	}
	slog.Info("registered", "agent", answer.AgentId, "pool", answer.AgentPool)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessionToken, a.generation = answer.SessionToken, answer.ClusterGeneration
	return nil
}

func bearer(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}
