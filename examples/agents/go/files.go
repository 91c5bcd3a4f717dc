package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	agentv1 "windlass.dev/gen/go/windlass/agent/v1"
)

// Names in the directory of a job. What is there tells how far it came: an offer; exec, as soon as terraform may have been
// started [start.journal]; a result.
const (
	offerFile  = "offer.pb"
	execFile   = "exec"
	resultFile = "result.pb"
	rawFile    = "raw.log" // what terraform prints; locked as long as it runs
	logFile    = "log"     // what the server gets: the same bytes, secrets masked
	pidFile    = "pid"
	planFile   = "plan.bin"
	configDir  = "config"
)

// writeDurably writes a file that is whole and on the disk when it returns nil.
func writeDurably(path string, content []byte) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeMessage(path string, message proto.Message) error {
	content, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return writeDurably(path, content)
}

func readMessage(path string, message proto.Message) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return proto.Unmarshal(content, message)
}

// loadIncarnation reads the agent's identity, or makes one: it lies beside the journal, which it stands for.
func loadIncarnation(dataDir string) (string, error) {
	path := filepath.Join(dataDir, "incarnation")
	content, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	made := uuid.NewString()
	return made, writeDurably(path, []byte(made+"\n"))
}

// storedOffers reads the jobs that an earlier process left.
func storedOffers(jobsDir string) ([]*agentv1.JobSpec, error) {
	entries, err := os.ReadDir(jobsDir)
	if err != nil {
		return nil, err
	}
	var specs []*agentv1.JobSpec
	for _, entry := range entries {
		spec := &agentv1.JobSpec{}
		dir := filepath.Join(jobsDir, entry.Name())
		if err := readMessage(filepath.Join(dir, offerFile), spec); err != nil {
			// Ended before its offer was on the disk: nothing was promised.
			_ = os.RemoveAll(dir)
			continue
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
