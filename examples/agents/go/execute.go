package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

// An interrupted plan has so long to end by itself [job.cancel].
const planPatience = time.Minute

// execution is terraform at work on a job.
type execution struct {
	*job
	given *variables
	raw   *os.File
	group processGroup
}

// execute runs terraform for a job whose start the disk knows.
func (j *job) execute() (*agentv1.JobResult, error) {
	return j.attended(func(e *execution) (*agentv1.JobResult, error) {
		if err := e.lacksProviders(); err != nil {
			return nil, err
		}
		if code, err := e.terraform("init", "-input=false", "-no-color"); err != nil || code != 0 {
			return e.ended("init", code, err)
		}
		if e.isApply() {
			return e.apply()
		}
		return e.plan()
	})
}

// executeAgain takes up a job that an earlier process started: terraform may still run, and is never started again. What it
// printed and wrote is there; how it ended nobody knows.
func (j *job) executeAgain() (*agentv1.JobResult, error) {
	return j.attended(func(e *execution) (*agentv1.JobResult, error) {
		e.group.adopt(j.path(pidFile))
		// Locked by whoever still writes into it.
		for syscall.Flock(int(e.raw.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			time.Sleep(100 * time.Millisecond)
		}
		e.group.leave()
		return e.ended("", -1, errors.New("the agent was started again while terraform ran: how that ended is not known"))
	})
}

// attended follows terraform's output and watches over it while it runs.
func (j *job) attended(run func(*execution) (*agentv1.JobResult, error)) (*agentv1.JobResult, error) {
	given, err := j.fetchVariables()
	if err != nil {
		return nil, err
	}
	raw, err := os.OpenFile(j.path(rawFile), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	e := &execution{job: j, given: given, raw: raw}
	finish, err := j.followLog(given.secrets)
	if err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	end := ending{}
	watch.Go(func() { end = e.watch(watching) })
	result, err := run(e)
	stop()
	watch.Wait()
	if end.isForgotten {
		if j.isApply() {
			_, _ = j.uploadState() // best effort: the claim is over
		}
		return nil, errForgotten
	}
	if err != nil {
		return nil, errors.Join(err, finish())
	}
	end.color(result)
	return result, finish()
}

// ending is what was done to terraform from outside.
type ending struct {
	isCanceled, isTimedOut, isForgotten bool
}

func (e ending) color(result *agentv1.JobResult) {
	switch {
	case e.isCanceled:
		result.Outcome = agentv1.JobOutcome_JOB_OUTCOME_CANCELED
	case e.isTimedOut && result.Outcome != agentv1.JobOutcome_JOB_OUTCOME_FINISHED:
		result.ErrorMessage = "canceled, because it took longer than the phase may: raise the limit, or make the run smaller"
	}
}

// watch interrupts terraform once, and ends it by force where that may be.
func (e *execution) watch(ctx context.Context) (end ending) {
	var interruptedAt time.Time
	began := time.Now()
	timeout := e.spec.Timeout.AsDuration()
	for {
		select {
		case <-ctx.Done():
			return end
		case <-time.After(50 * time.Millisecond):
		}
		e.agent.mu.Lock()
		desired, leaseEnd := e.desired, e.leaseEnd
		e.agent.mu.Unlock()
		switch {
		case desired == agentv1.DesiredState_DESIRED_STATE_GONE,
			!e.isApply() && time.Now().After(leaseEnd): // [claim.lease]
			end.isForgotten = true
		case desired >= agentv1.DesiredState_DESIRED_STATE_CANCEL:
			end.isCanceled = true
		case timeout > 0 && time.Since(began) > timeout: // [job.timeout]
			end.isTimedOut = true
		}
		if end != (ending{}) && interruptedAt.IsZero() && e.group.signal(syscall.SIGINT) {
			interruptedAt = time.Now()
		}
		isLate := !e.isApply() && !interruptedAt.IsZero() && time.Since(interruptedAt) > planPatience
		if isLate || desired == agentv1.DesiredState_DESIRED_STATE_FORCE {
			e.group.signal(syscall.SIGKILL)
		}
	}
}

func (e *execution) plan() (*agentv1.JobResult, error) {
	args := []string{"plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=" + e.path(planFile)}
	code, err := e.terraform(append(args, e.planOptions()...)...)
	if err != nil || code != 0 && code != 2 {
		return e.ended("plan", code, err)
	}
	result := &agentv1.JobResult{Outcome: agentv1.JobOutcome_JOB_OUTCOME_FINISHED, ExitCode: int32(code), HasChanges: code == 2}
	if !result.HasChanges {
		return result, nil
	}
	shown, err := e.show()
	if err != nil {
		return nil, err
	}
	result.PlanSha256, err = e.uploadPlan(shown) // [plan.upload]
	result.Counts = shown.counts()
	return result, err
}

func (e *execution) planOptions() []string {
	options := e.spec.GetOptions()
	var args []string
	add := func(isSet bool, flag string) {
		if isSet {
			args = append(args, flag)
		}
	}
	add(options.GetDestroy(), "-destroy")
	add(options.GetSkipRefresh(), "-refresh=false")
	add(options.GetRefreshOnly(), "-refresh-only")
	add(options.GetParallelism() > 0, fmt.Sprintf("-parallelism=%d", options.GetParallelism()))
	for _, address := range options.GetTargets() {
		args = append(args, "-target="+address)
	}
	for _, address := range options.GetReplacements() {
		args = append(args, "-replace="+address)
	}
	return append(args, e.given.files...)
}

func (e *execution) apply() (*agentv1.JobResult, error) {
	code, err := e.terraform("apply", "-input=false", "-no-color", e.path(planFile))
	return e.ended("apply", code, err)
}

// ended makes the result of a verb; the state of an apply is brought first, however it ended [result.state].
func (e *execution) ended(verb string, code int, err error) (*agentv1.JobResult, error) {
	result := &agentv1.JobResult{Outcome: agentv1.JobOutcome_JOB_OUTCOME_FINISHED, ExitCode: int32(code)}
	switch {
	case err != nil:
		result.Outcome, result.ErrorMessage = agentv1.JobOutcome_JOB_OUTCOME_ERRORED, sentence(err)
	case code != 0:
		result.Outcome = agentv1.JobOutcome_JOB_OUTCOME_ERRORED
		result.ErrorMessage = fmt.Sprintf("terraform %s failed with exit code %d: see the log", verb, code)
	}
	if !e.isApply() {
		return result, nil
	}
	state, err := e.uploadState()
	if err != nil {
		return nil, err
	}
	result.StateSerial, result.StateSha256 = state.serial, state.sha256
	return result, nil
}

// terraform runs it in a process group of its own, its output in raw.log, which is locked as long as anything of it runs.
func (e *execution) terraform(args ...string) (int, error) {
	output, err := os.OpenFile(e.path(rawFile), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return -1, err
	}
	defer output.Close()
	if err := syscall.Flock(int(output.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return -1, fmt.Errorf("an earlier terraform of this job still runs: %w", err)
	}
	command := e.command(args...)
	command.Stdout, command.Stderr = output, output
	if err := e.group.start(command, e.path(pidFile)); err != nil {
		return -1, fmt.Errorf("terraform cannot be started: %w", err)
	}
	err = command.Wait()
	e.group.leave()
	return exitCode(command.ProcessState, err)
}

func (e *execution) command(args ...string) *exec.Cmd {
	command := exec.Command("terraform", args...)
	command.Dir = e.workingDirectory()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"} {
		if value, isSet := os.LookupEnv(name); isSet {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.Env = append(command.Env, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
	command.Env = append(command.Env, e.given.environment...)
	return command
}

func (j *job) workingDirectory() string {
	return filepath.Join(j.path(configDir), filepath.FromSlash(j.spec.WorkingDirectory))
}

// exitCode is 128 + n if signal n ended it.
func exitCode(state *os.ProcessState, err error) (int, error) {
	if state == nil {
		return -1, err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// processGroup is the one that runs now, if any does.
type processGroup struct {
	mu  sync.Mutex
	pid int
}

func (g *processGroup) start(command *exec.Cmd, pidPath string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := command.Start(); err != nil {
		return err
	}
	g.pid = command.Process.Pid
	return os.WriteFile(pidPath, []byte(strconv.Itoa(g.pid)), 0o600)
}

// adopt takes the group that an earlier process started.
func (g *processGroup) adopt(pidPath string) {
	content, _ := os.ReadFile(pidPath)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pid, _ = strconv.Atoi(strings.TrimSpace(string(content)))
}

func (g *processGroup) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pid = 0
}

// signal answers whether there was somebody to get it.
func (g *processGroup) signal(signal syscall.Signal) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pid > 1 && syscall.Kill(-g.pid, signal) == nil
}
