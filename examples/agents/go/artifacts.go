package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

const pieceSize = 512 * 1024

// persist makes a call again until it works, is refused, or the claim is over.
func (j *job) persist(call func(context.Context) error) error {
	for tries := 0; ; tries++ {
		err := call(bearer(j.over, j.spec.JobToken))
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.Unavailable, codes.Unknown, codes.Internal, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Aborted:
		default:
			return err
		}
		pause := retryDelay(err) + rand.N(min(200*time.Millisecond<<min(tries, 6), 10*time.Second))
		select {
		case <-j.over.Done():
			return errForgotten
		case <-time.After(pause):
		}
	}
}

// prepare fetches what the phase works on, and checks it.
func (j *job) prepare() error {
	archive := j.path("config.tar.gz")
	if err := j.download(archive, j.spec.Configuration, j.configuration); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	if err := os.RemoveAll(j.path(configDir)); err != nil {
		return err
	}
	if err := unpack(archive, j.path(configDir)); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	if !filepath.IsLocal(filepath.FromSlash(j.spec.WorkingDirectory)) && j.spec.WorkingDirectory != "" {
		return fmt.Errorf("the working directory %q is outside of the configuration", j.spec.WorkingDirectory)
	}
	if state := j.spec.State; state != nil {
		info := &agentv1.ArtifactInfo{SizeBytes: state.SizeBytes, Sha256: state.Sha256}
		if err := j.download(j.statePath(), info, j.state); err != nil {
			return fmt.Errorf("the state: %w", err)
		}
	}
	if !j.isApply() {
		return nil
	}
	if lock := j.spec.LockFile; len(lock) > 0 {
		if err := os.WriteFile(filepath.Join(j.workingDirectory(), ".terraform.lock.hcl"), lock, 0o600); err != nil {
			return err
		}
	}
	if err := j.download(j.path(planFile), j.spec.Plan, j.planBytes); err != nil {
		return fmt.Errorf("the plan: %w", err)
	}
	return nil
}

func (j *job) statePath() string { return filepath.Join(j.workingDirectory(), "terraform.tfstate") }

// piece is a message of a download.
type piece interface{ GetChunk() []byte }

// receive gives one piece after the other, and io.EOF.
type receive func() (piece, error)

func (j *job) configuration(ctx context.Context) (receive, error) {
	stream, err := j.agent.artifacts.DownloadConfiguration(ctx, &agentv1.DownloadConfigurationRequest{})
	return func() (piece, error) { return stream.Recv() }, err
}

func (j *job) planBytes(ctx context.Context) (receive, error) {
	stream, err := j.agent.artifacts.DownloadPlan(ctx, &agentv1.DownloadPlanRequest{})
	return func() (piece, error) { return stream.Recv() }, err
}

func (j *job) state(ctx context.Context) (receive, error) {
	stream, err := j.agent.artifacts.DownloadState(ctx, &agentv1.DownloadStateRequest{})
	return func() (piece, error) { return stream.Recv() }, err
}

// download writes what comes to a file, which must be what was announced.
func (j *job) download(path string, info *agentv1.ArtifactInfo, open func(context.Context) (receive, error)) error {
	return j.persist(func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		next, err := open(ctx)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return local(err)
		}
		defer file.Close()
		sum := sha256.New()
		if err := copyPieces(io.MultiWriter(file, sum), next); err != nil {
			return err
		}
		if got := hexOf(sum); got != info.GetSha256() {
			return local(fmt.Errorf("expected the SHA-256 %s, got %s", info.GetSha256(), got))
		}
		return nil
	})
}

func copyPieces(to io.Writer, next receive) error {
	for {
		piece, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := to.Write(piece.GetChunk()); err != nil {
			return local(err)
		}
	}
}

// local is a fault that the same call would meet again.
func local(err error) error { return status.Error(codes.FailedPrecondition, err.Error()) }

func hexOf(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }

// digestOf answers length and SHA-256 of a file; of one that is not there, those of nothing.
func digestOf(path string) (int64, string, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, hexOf(sha256.New()), nil
	}
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	sum := sha256.New()
	length, err := io.Copy(sum, file)
	return length, hexOf(sum), err
}

// variables are what terraform is given, and what must not be seen in the log.
type variables struct {
	files       []string
	environment []string
	secrets     [][]byte
}

func (j *job) fetchVariables() (*variables, error) {
	var answer *agentv1.GetVariablesResponse
	err := j.persist(func(ctx context.Context) (err error) {
		answer, err = j.agent.artifacts.GetVariables(ctx, &agentv1.GetVariablesRequest{})
		return err
	})
	if err != nil {
		return nil, err
	}
	given := &variables{}
	texts, expressions := map[string]string{}, bytes.Buffer{}
	for _, variable := range answer.Variables {
		switch {
		case variable.Environment:
			given.environment = append(given.environment, variable.Key+"="+variable.Value)
		case variable.Hcl:
			fmt.Fprintf(&expressions, "%s = %s\n", variable.Key, variable.Value)
		default:
			texts[variable.Key] = variable.Value
		}
		if variable.Sensitive {
			given.hide(variable.Value)
		}
	}
	for _, value := range answer.Hidden {
		given.hide(value)
	}
	return given, j.writeVariables(given, texts, expressions.Bytes())
}

// hide masks a value, and each line of one that has many; what is shorter than 6 characters would mask half of the log.
func (v *variables) hide(value string) {
	for line := range bytes.Lines([]byte(value)) {
		if line = bytes.TrimSpace(line); len(line) >= 6 {
			v.secrets = append(v.secrets, line)
		}
	}
	// A secret may be part of another one.
	slices.SortFunc(v.secrets, func(a, b []byte) int { return len(b) - len(a) })
}

// writeVariables: a text in JSON is taken as it is, an expression stands in HCL [variables.form].
func (j *job) writeVariables(given *variables, texts map[string]string, expressions []byte) error {
	inJSON, err := json.Marshal(texts)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"texts.tfvars.json": inJSON, "expressions.tfvars": expressions} {
		if err := os.WriteFile(j.path(name), content, 0o600); err != nil {
			return err
		}
		given.files = append(given.files, "-var-file="+j.path(name))
	}
	return nil
}

// lacksProviders ends a job whose providers this agent would take from elsewhere than it should.
func (j *job) lacksProviders() error {
	var answer *agentv1.GetProvidersResponse
	err := j.persist(func(ctx context.Context) (err error) {
		answer, err = j.agent.artifacts.GetProviders(ctx, &agentv1.GetProvidersRequest{})
		return err
	})
	if err == nil && (len(answer.Sources) > 0 || len(answer.Hosts) > 0 || answer.CaCertificates != "") {
		return errors.New("this agent takes providers from their registries only, and the job wants another source")
	}
	return err
}

type uploadedState struct {
	serial uint64
	sha256 string
}

// uploadState brings the state that an apply has left, if it has left one.
func (j *job) uploadState() (uploadedState, error) {
	content, err := os.ReadFile(j.statePath())
	if errors.Is(err, os.ErrNotExist) || err == nil && len(content) == 0 {
		return uploadedState{}, nil
	}
	if err != nil {
		return uploadedState{}, err
	}
	var identity struct {
		Lineage string
		Serial  json.Number
	}
	if err := json.Unmarshal(content, &identity); err != nil {
		return uploadedState{}, fmt.Errorf("the state cannot be read: %w", err)
	}
	serial, err := strconv.ParseUint(identity.Serial.String(), 10, 64)
	if err != nil {
		return uploadedState{}, fmt.Errorf("the state has no serial: %w", err)
	}
	sum := sha256.Sum256(content)
	header := &agentv1.UploadStateHeader{
		Lineage: identity.Lineage, Serial: serial, SizeBytes: uint64(len(content)),
		Sha256: hex.EncodeToString(sum[:]), IsLast: true, Sequence: 1,
	}
	return uploadedState{serial, header.Sha256}, j.persist(func(ctx context.Context) error { return j.sendState(ctx, header, content) })
}

func (j *job) sendState(ctx context.Context, header *agentv1.UploadStateHeader, content []byte) error {
	stream, err := j.agent.artifacts.UploadState(ctx)
	if err != nil {
		return err
	}
	// What a Send says of a broken stream, CloseAndRecv says better.
	_ = stream.Send(&agentv1.UploadStateRequest{Part: &agentv1.UploadStateRequest_Header{Header: header}})
	for chunk := range slices.Chunk(content, pieceSize) {
		if stream.Send(&agentv1.UploadStateRequest{Part: &agentv1.UploadStateRequest_Chunk{Chunk: chunk}}) != nil {
			break
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

// uploadPlan brings the plan and what it would do [plan.order], and answers the plan's SHA-256.
func (e *execution) uploadPlan(shown *shownPlan) (string, error) {
	content, err := os.ReadFile(e.path(planFile))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	lock, err := os.ReadFile(filepath.Join(e.workingDirectory(), ".terraform.lock.hcl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	header := &agentv1.UploadPlanHeader{
		PlanSizeBytes: uint64(len(content)), PlanSha256: hex.EncodeToString(sum[:]), LockFile: lock,
		Engine: agentv1.JobEngine_JOB_ENGINE_TERRAFORM, EngineVersion: shown.Version,
	}
	summaries := shown.summaries()
	return header.PlanSha256, e.persist(func(ctx context.Context) error { return e.sendPlan(ctx, header, content, summaries) })
}

func (e *execution) sendPlan(ctx context.Context, header *agentv1.UploadPlanHeader, content []byte, summaries []*agentv1.PlanSummary) error {
	stream, err := e.agent.artifacts.UploadPlan(ctx)
	if err != nil {
		return err
	}
	parts := []*agentv1.UploadPlanRequest{{Part: &agentv1.UploadPlanRequest_Header{Header: header}}}
	for chunk := range slices.Chunk(content, pieceSize) {
		parts = append(parts, &agentv1.UploadPlanRequest{Part: &agentv1.UploadPlanRequest_PlanChunk{PlanChunk: chunk}})
	}
	for _, summary := range summaries {
		parts = append(parts, &agentv1.UploadPlanRequest{Part: &agentv1.UploadPlanRequest_Summary{Summary: summary}})
	}
	for _, part := range parts {
		if stream.Send(part) != nil {
			break
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}
