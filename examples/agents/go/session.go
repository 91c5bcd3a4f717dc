package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

const (
	welcomeWithin = 15 * time.Second
	maxChunk      = 64 * 1024
	// So many heartbeats without an answer, and the server is not there.
	silentBeats = 3
)

// session is one stream. Everything of it happens in the goroutine of converse.
type session struct {
	*agent
	stream   agentv1.AgentGatewayService_SessionClient
	interval time.Duration
	window   int64
	welcomed bool
	leaving  bool
	// saidDraining is whether a heartbeat has told that the agent drains.
	saidDraining bool
	// beats are the moments of the heartbeats that were not answered, oldest first: a lease counts from there [claim.lease].
	beats []time.Time
	// silence ends the stream when the server says nothing for too long.
	silence *time.Timer
}

// converse holds one stream until it ends, and says how.
func (a *agent) converse(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := a.gateway.Session(bearer(ctx, a.sessionToken))
	if err != nil {
		return err
	}
	s := &session{agent: a, stream: stream, silence: time.AfterFunc(welcomeWithin, cancel)}
	defer s.silence.Stop()
	if err := said(s.hello()); err != nil {
		return err
	}
	heard, failed := listen(ctx, stream)
	beat := time.NewTimer(time.Hour)
	for {
		select {
		case message := <-heard:
			if err := said(s.hear(message)); err != nil {
				return err
			}
			if message.GetWelcome() != nil || s.needsBeat() {
				beat.Reset(0)
			}
		case err := <-failed:
			if s.leaving {
				return errLeft
			}
			return err
		case <-beat.C:
			if err := said(s.beat()); err != nil {
				return err
			}
			// Nobody's heartbeats should fall together: ± 20 %.
			beat.Reset(time.Duration(float64(s.interval) * (0.8 + 0.4*rand.Float64())))
		case <-a.wake:
			if s.needsBeat() {
				beat.Reset(0)
			}
		}
		if err := said(s.speak()); err != nil {
			return err
		}
	}
}

// said passes over that a stream is at its end: Recv tells why, after the messages that are still to come, a close among them.
func said(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// listen receives in a goroutine of its own.
func listen(ctx context.Context, stream agentv1.AgentGatewayService_SessionClient) (<-chan *agentv1.SessionResponse, <-chan error) {
	heard, failed := make(chan *agentv1.SessionResponse), make(chan error, 1)
	go func() {
		for {
			message, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case heard <- message:
			case <-ctx.Done():
				return
			}
		}
	}()
	return heard, failed
}

func (s *session) hello() error {
	s.mu.Lock()
	hello := &agentv1.Hello{
		Incarnation: s.incarnation, BootId: s.bootID,
		LastSessionEpoch: s.lastEpoch, ClusterGeneration: s.generation, Jobs: s.heldJobs(),
	}
	s.mu.Unlock()
	return s.stream.Send(&agentv1.SessionRequest{Message: &agentv1.SessionRequest_Hello{Hello: hello}})
}

// heldJobs needs the lock.
func (a *agent) heldJobs() []*agentv1.HeldJob {
	var held []*agentv1.HeldJob
	for _, j := range a.jobs {
		held = append(held, &agentv1.HeldJob{Claim: j.spec.Claim, Stage: j.stage, LogEnd: uint64(j.logEnd)})
	}
	return held
}

// needsBeat tells at once that the agent drains.
func (s *session) needsBeat() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcomed && s.drainReason != "" && !s.saidDraining
}

func (s *session) beat() error {
	if s.leaving { // Nothing follows a goodbye.
		return nil
	}
	s.mu.Lock()
	heartbeat := &agentv1.Heartbeat{Jobs: s.heldJobs(), Clock: timestamppb.Now(), Draining: s.drainReason != ""}
	s.saidDraining = heartbeat.Draining
	for _, j := range s.jobs {
		j.hasSpoken = false
	}
	s.beats = append(s.beats, time.Now())
	s.mu.Unlock()
	return s.stream.Send(&agentv1.SessionRequest{Message: &agentv1.SessionRequest_Heartbeat{Heartbeat: heartbeat}})
}

func (s *session) resetSilence() {
	s.silence.Reset(silentBeats*s.interval*12/10 + time.Second)
}

// hear takes one message of the server; an error ends the stream. What it does not know it passes over [session.unknown].
func (s *session) hear(response *agentv1.SessionResponse) error {
	switch message := response.Message.(type) {
	case *agentv1.SessionResponse_Welcome:
		s.welcome(message.Welcome)
	case *agentv1.SessionResponse_HeartbeatReply:
		s.answered(message.HeartbeatReply)
	case *agentv1.SessionResponse_Offer:
		return s.offered(message.Offer.GetJob())
	case *agentv1.SessionResponse_StartDecision:
		s.withJob(message.StartDecision.Claim, func(j *job) { j.decide(message.StartDecision) })
	case *agentv1.SessionResponse_LogAck:
		s.withJob(message.LogAck.Claim, func(j *job) { j.acknowledgeLog(message.LogAck) })
	case *agentv1.SessionResponse_ResultAck:
		s.withJob(message.ResultAck.Claim, func(j *job) { j.acknowledgeResult(message.ResultAck) })
	case *agentv1.SessionResponse_JobCommand:
		s.withJob(message.JobCommand.Claim, func(j *job) { j.desire(message.JobCommand.Desired) })
	case *agentv1.SessionResponse_Refused:
		return s.refused(message.Refused)
	case *agentv1.SessionResponse_Drain:
		s.drain(message.Drain.Reason)
	case *agentv1.SessionResponse_Reconnect:
		return reconnectError{message.Reconnect.After.AsDuration(), message.Reconnect.MaxDelay.AsDuration()}
	case *agentv1.SessionResponse_Close:
		return closedError{message.Close.Reason, message.Close.Detail}
	}
	return nil
}

// withJob passes over claims that the agent does not hold.
func (s *session) withJob(claim *agentv1.JobClaim, do func(*job)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[keyOf(claim)]; j != nil {
		do(j)
	}
}

func (s *session) welcome(welcome *agentv1.Welcome) {
	s.interval = welcome.HeartbeatInterval.AsDuration()
	if s.interval <= 0 {
		s.interval = 10 * time.Second
	}
	s.window = int64(welcome.LogWindowBytes)
	s.welcomed = true
	s.resetSilence()
	s.mu.Lock()
	s.lastEpoch = welcome.SessionEpoch
	for _, j := range s.jobs {
		j.hasSpoken = false
	}
	s.mu.Unlock()
	for _, decision := range welcome.Jobs {
		s.withJob(decision.Claim, func(j *job) { j.resume(decision) })
	}
}

func (s *session) answered(reply *agentv1.HeartbeatReply) {
	if next := reply.NextInterval.AsDuration(); next > 0 {
		s.interval = next
	}
	s.resetSilence()
	var sent time.Time
	if len(s.beats) > 0 {
		sent, s.beats = s.beats[0], s.beats[1:]
	}
	for _, command := range reply.Jobs {
		s.withJob(command.Claim, func(j *job) {
			j.desire(command.Desired)
			if command.Lease != nil && !sent.IsZero() {
				j.leaseEnd = sent.Add(command.Lease.AsDuration())
			}
		})
	}
	if reply.Drain {
		s.drain("the control plane asked for it")
	}
}

func (s *session) offered(spec *agentv1.JobSpec) error {
	if spec.GetClaim() == nil {
		return nil
	}
	if reason := s.take(spec); reason != "" {
		return s.decline(spec.Claim, reason)
	}
	return nil
}

// take holds the job, or says why not.
func (s *session) take(spec *agentv1.JobSpec) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(spec.Claim)
	isKnown := spec.Phase == agentv1.JobPhase_JOB_PHASE_PLAN || spec.Phase == agentv1.JobPhase_JOB_PHASE_APPLY
	switch {
	case s.jobs[key] != nil:
		return ""
	case s.drainReason != "":
		return "draining"
	case len(s.jobs) > 0:
		return "the one place is taken"
	case !isKnown:
		return "this agent does not know the phase"
	case spec.Engine == agentv1.JobEngine_JOB_ENGINE_TOFU:
		return "this agent has terraform only"
	case !isSafeName(key):
		return "the claim cannot be the name of a directory"
	}
	if err := storeOffer(s.agent, spec); err != nil {
		return "the job cannot be written down: " + err.Error()
	}
	slog.Info("job offered", "job", key, "workspace", spec.Workspace)
	s.hold(spec)
	return ""
}

func (s *session) decline(claim *agentv1.JobClaim, reason string) error {
	slog.Info("job declined", "job", keyOf(claim), "reason", reason)
	decline := &agentv1.OfferDecline{Claim: claim, Reason: strings.ToValidUTF8(reason[:min(len(reason), 1000)], "")}
	return s.stream.Send(&agentv1.SessionRequest{Message: &agentv1.SessionRequest_OfferDecline{OfferDecline: decline}})
}

// refused does what the rule of the message says [session.refused].
func (s *session) refused(refusal *agentv1.Refused) error {
	slog.Warn("the server refused a message", "message", refusal.Message, "rule", refusal.Rule, "detail", refusal.Detail)
	switch refusal.Message {
	case agentv1.SessionMessage_SESSION_MESSAGE_HEARTBEAT:
		return s.beat()
	case agentv1.SessionMessage_SESSION_MESSAGE_GOODBYE:
		return errLeft
	case agentv1.SessionMessage_SESSION_MESSAGE_START_REQUEST:
		s.withJob(refusal.Claim, func(j *job) { j.settle(start{}) })
		return s.decline(refusal.Claim, "its start request was refused: "+refusal.Detail)
	case agentv1.SessionMessage_SESSION_MESSAGE_LOG_CHUNK:
		s.withJob(refusal.Claim, func(j *job) { j.stopLog(&j.logLost) }) // [log.lost]
	case agentv1.SessionMessage_SESSION_MESSAGE_JOB_RESULT:
		s.withJob(refusal.Claim, func(j *job) { j.resultRefused(refusal.Reason) })
	}
	return nil
}

// speak says what is due: requests and results at most once a heartbeat, logs as far as the window allows.
func (s *session) speak() error {
	if !s.welcomed || s.leaving {
		return nil
	}
	for _, message := range s.due() {
		if err := s.stream.Send(message); err != nil {
			return err
		}
	}
	if !s.isDone() {
		return nil
	}
	s.leaving = true
	goodbye := &agentv1.SessionRequest_Goodbye{Goodbye: &agentv1.Goodbye{Reason: s.drainReason}}
	if err := s.stream.Send(&agentv1.SessionRequest{Message: goodbye}); err != nil {
		return err
	}
	s.silence.Reset(2 * time.Second)
	return s.stream.CloseSend()
}

func (s *session) due() []*agentv1.SessionRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []*agentv1.SessionRequest
	room := s.window
	for _, j := range s.jobs {
		room -= j.sent - j.acknowledged
	}
	for _, key := range slices.Sorted(maps.Keys(s.jobs)) {
		j := s.jobs[key]
		for chunk := j.nextChunk(room); chunk != nil; chunk = j.nextChunk(room) {
			room -= int64(len(chunk.Chunk))
			messages = append(messages, &agentv1.SessionRequest{Message: &agentv1.SessionRequest_LogChunk{LogChunk: chunk}})
		}
		if message := j.nextWord(); message != nil {
			messages = append(messages, message)
		}
	}
	return messages
}
