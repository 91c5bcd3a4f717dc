package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"google.golang.org/protobuf/proto"
	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

// start is what became of the request to start a job.
type start struct{ granted bool }

// job is one claim, from its offer until the server has everything. Its fields below the line belong to the agent's lock.
type job struct {
	agent *agent
	spec  *agentv1.JobSpec
	key   string
	dir   string
	// over is done when nothing more is wanted of the claim.
	over    context.Context
	endOver context.CancelFunc
	started chan start
	sealed  chan struct{}

	stage   agentv1.JobStage
	desired agentv1.DesiredState
	// leaseEnd is when the claim may be another's, unless a heartbeat is answered [claim.lease].
	leaseEnd   time.Time
	generation string
	// hasSpoken is whether its request or result was said since the last heartbeat.
	hasSpoken bool
	result    *agentv1.JobResult
	// stateMissing is closed when a result was refused because the state has not come [result.state].
	stateMissing chan struct{}

	log                        *os.File
	logEnd, sent, acknowledged int64
	logClosed, logLost         bool
}

func newJob(a *agent, spec *agentv1.JobSpec) *job {
	over, endOver := context.WithCancel(context.Background())
	key := keyOf(spec.Claim)
	j := &job{
		agent: a, spec: spec, key: key, dir: filepath.Join(a.settings.dataDir, "jobs", key),
		over: over, endOver: endOver,
		started: make(chan start, 1), sealed: make(chan struct{}, 1), stateMissing: make(chan struct{}, 1),
		stage: agentv1.JobStage_JOB_STAGE_PREPARING, desired: agentv1.DesiredState_DESIRED_STATE_RUN,
		leaseEnd: time.Now().Add(2 * time.Minute), generation: a.generation,
	}
	if exists(j.path(execFile)) {
		j.stage = agentv1.JobStage_JOB_STAGE_RUNNING
	}
	if stored := (&agentv1.JobResult{}); readMessage(j.path(resultFile), stored) == nil {
		j.result = stored
	}
	if log, err := os.Open(j.path(logFile)); err == nil {
		j.log = log
		j.logEnd, _ = log.Seek(0, io.SeekEnd)
	}
	return j
}

func keyOf(claim *agentv1.JobClaim) string {
	return fmt.Sprintf("%s-%d", claim.GetJobId(), claim.GetEpoch())
}

// isSafeName is false for what a server should not make a path of.
var isSafeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,160}$`).MatchString

func storeOffer(a *agent, spec *agentv1.JobSpec) error {
	dir := filepath.Join(a.settings.dataDir, "jobs", keyOf(spec.Claim))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return writeMessage(filepath.Join(dir, offerFile), spec)
}

func (j *job) path(name string) string { return filepath.Join(j.dir, name) }

func (j *job) isApply() bool { return j.spec.Phase == agentv1.JobPhase_JOB_PHASE_APPLY }

// run brings the job from where its files say it is to its end.
func (j *job) run() {
	defer j.agent.forget(j)
	defer j.endOver()
	result, err := j.work()
	if errors.Is(err, errForgotten) || j.over.Err() != nil {
		slog.Info("job forgotten", "job", j.key)
		return
	}
	if err != nil {
		result = &agentv1.JobResult{Outcome: agentv1.JobOutcome_JOB_OUTCOME_ERRORED, ExitCode: -1, ErrorMessage: sentence(err)}
	}
	if err := j.report(result); err != nil {
		slog.Error("the result of a job cannot be kept", "job", j.key, "err", err)
	}
}

// errForgotten ends a job of which nothing is to be told.
var errForgotten = errors.New("nothing is to be told of it")

// work answers the result, without what is said of the log. An error is a job that failed before terraform could be asked.
func (j *job) work() (*agentv1.JobResult, error) {
	if j.result != nil {
		return j.result, nil
	}
	if exists(j.path(execFile)) {
		return j.executeAgain()
	}
	if err := j.prepare(); err != nil {
		return nil, err
	}
	j.enter(agentv1.JobStage_JOB_STAGE_PREPARED)
	select {
	case <-j.over.Done():
		return nil, errForgotten
	case decision := <-j.started:
		if !decision.granted {
			return nil, errForgotten
		}
	}
	if j.wanted() != agentv1.DesiredState_DESIRED_STATE_RUN {
		return &agentv1.JobResult{Outcome: agentv1.JobOutcome_JOB_OUTCOME_CANCELED, ExitCode: -1}, nil
	}
	// From here on terraform may have been started, and the disk knows it before [start.journal].
	if err := writeDurably(j.path(execFile), fmt.Appendf(nil, "%d\n", j.spec.Claim.Epoch)); err != nil {
		return nil, err
	}
	j.enter(agentv1.JobStage_JOB_STAGE_RUNNING)
	return j.execute()
}

// report tells the result until the server has it.
func (j *job) report(result *agentv1.JobResult) error {
	if j.result == nil {
		length, sha256, err := digestOf(j.path(logFile))
		if err != nil {
			return err
		}
		result.Claim, result.LogBytes, result.LogSha256 = j.spec.Claim, uint64(length), sha256
		if err := writeMessage(j.path(resultFile), result); err != nil {
			return err
		}
	}
	j.agent.mu.Lock()
	j.result, j.logEnd = result, int64(result.LogBytes)
	j.agent.mu.Unlock()
	j.enter(agentv1.JobStage_JOB_STAGE_REPORTING)
	slog.Info("job ended", "job", j.key, "outcome", result.Outcome, "error", result.ErrorMessage)
	for {
		select {
		case <-j.sealed:
			return nil
		case <-j.over.Done():
			return nil
		case <-j.stateMissing:
			if _, err := j.uploadState(); err != nil {
				return err
			}
			j.agent.poke()
		}
	}
}

func (j *job) enter(stage agentv1.JobStage) {
	j.agent.mu.Lock()
	j.stage, j.hasSpoken = stage, false
	j.agent.mu.Unlock()
	j.agent.poke()
}

func (j *job) wanted() agentv1.DesiredState {
	j.agent.mu.Lock()
	defer j.agent.mu.Unlock()
	return j.desired
}

// What follows is called with the agent's lock.

// desire takes a wish that goes further than the last one; those that it does not know change nothing.
func (j *job) desire(desired agentv1.DesiredState) {
	if desired <= j.desired || desired > agentv1.DesiredState_DESIRED_STATE_GONE {
		return
	}
	j.desired = desired
	isStarted := j.stage == agentv1.JobStage_JOB_STAGE_RUNNING
	if desired == agentv1.DesiredState_DESIRED_STATE_GONE && !isStarted {
		j.endOver()
	}
	if !isStarted {
		j.settle(start{granted: true}) // work sees what is wanted instead
	}
}

// settle answers the request to start, once.
func (j *job) settle(decision start) {
	select {
	case j.started <- decision:
	default:
	}
}

// decide takes a grant that is for this identity and this history of the server [start.incarnation].
func (j *job) decide(decision *agentv1.StartDecision) {
	if j.stage != agentv1.JobStage_JOB_STAGE_PREPARED {
		return
	}
	isOurs := decision.Incarnation == j.agent.incarnation && j.generation == j.agent.generation
	if decision.Granted && !isOurs {
		slog.Warn("a grant is not for this agent", "job", j.key)
		return
	}
	j.settle(start{granted: decision.Granted})
}

func (j *job) resume(decision *agentv1.ResumeDecision) {
	j.sent, j.acknowledged = int64(decision.LogNextOffset), int64(decision.LogNextOffset)
	if decision.Sealed {
		j.desire(agentv1.DesiredState_DESIRED_STATE_GONE)
		j.seal()
		return
	}
	j.desire(decision.Desired)
}

func (j *job) seal() {
	select {
	case j.sealed <- struct{}{}:
	default:
	}
}

func (j *job) acknowledgeLog(ack *agentv1.LogAck) {
	next := int64(ack.NextOffset)
	j.acknowledged = max(j.acknowledged, next)
	if ack.Rewind {
		j.sent, j.acknowledged = next, next // [log.again]
	}
	if ack.Closed {
		j.stopLog(&j.logClosed)
	}
}

// stopLog ends a log of which no more is sent; what was on its way counts no more.
func (j *job) stopLog(why *bool) {
	*why = true
	j.sent = j.acknowledged
	j.hasSpoken = false
}

func (j *job) acknowledgeResult(ack *agentv1.ResultAck) {
	if ack.Sealed {
		j.seal()
		return
	}
	j.sent, j.acknowledged = int64(ack.NeedLogFrom), int64(ack.NeedLogFrom)
	j.hasSpoken = false
}

// resultRefused says it in another way: a result without texts is always in order.
func (j *job) resultRefused(reason agentv1.RefusalReason) {
	switch {
	case j.result == nil:
	case reason == agentv1.RefusalReason_REFUSAL_REASON_STATE_MISSING:
		select {
		case j.stateMissing <- struct{}{}:
		default:
		}
	default:
		j.result = proto.Clone(j.result).(*agentv1.JobResult)
		j.result.ErrorMessage = ""
	}
}

// nextChunk reads the next bytes of the log, if there are any and the window has room for them.
func (j *job) nextChunk(room int64) *agentv1.LogChunk {
	length := min(j.logEnd-j.sent, maxChunk, room)
	if length <= 0 || j.log == nil || j.logClosed || j.logLost {
		return nil
	}
	chunk := make([]byte, length)
	if _, err := j.log.ReadAt(chunk, j.sent); err != nil {
		slog.Error("a log cannot be read", "job", j.key, "err", err)
		j.stopLog(&j.logLost)
		return nil
	}
	j.sent += length
	return &agentv1.LogChunk{Claim: j.spec.Claim, Offset: uint64(j.sent - length), Chunk: chunk}
}

// nextWord is the request or the result that is due.
func (j *job) nextWord() *agentv1.SessionRequest {
	if j.hasSpoken {
		return nil
	}
	switch j.stage {
	case agentv1.JobStage_JOB_STAGE_PREPARED:
		j.hasSpoken = true
		request := &agentv1.StartRequest{Claim: j.spec.Claim, Incarnation: j.agent.incarnation}
		return &agentv1.SessionRequest{Message: &agentv1.SessionRequest_StartRequest{StartRequest: request}}
	case agentv1.JobStage_JOB_STAGE_REPORTING:
		isLogThere := j.acknowledged >= j.logEnd || j.logClosed || j.logLost
		if !isLogThere {
			return nil // [result.order]
		}
		j.hasSpoken = true
		result := proto.Clone(j.result).(*agentv1.JobResult)
		result.LogLost = j.logLost
		return &agentv1.SessionRequest{Message: &agentv1.SessionRequest_JobResult{JobResult: result}}
	}
	return nil
}

// sentence is an error as a result can carry it.
func sentence(err error) string {
	text := err.Error()
	return text[:min(len(text), 1000)]
}
