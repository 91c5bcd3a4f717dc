// Command windlass-agent-go is a small Windlass agent: one job at a time, terraform from PATH, its journal in a directory.
// docs/agent-protocol.md of Windlass has the rules; their names stand in brackets here.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes, as those of Windlass' own agent.
const (
	exitDone          = 0
	exitFailed        = 1
	exitMisconfigured = 2
	exitTokenRejected = 4
)

func main() {
	os.Exit(run())
}

func run() int {
	settings, err := readSettings()
	if err != nil {
		slog.Error("the settings cannot be used", "err", err)
		return exitMisconfigured
	}
	agent, err := newAgent(settings)
	if err != nil {
		slog.Error("the agent cannot start", "err", err)
		return exitMisconfigured
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range ended {
			agent.drain("told to end by a signal")
		}
	}()
	err = agent.run(context.Background())
	switch {
	case errors.Is(err, errLeft):
		slog.Info("nothing is left to do")
		return exitDone
	case errors.Is(err, errTokenRejected):
		slog.Error("the agent token is not accepted: give the agent another one", "err", err)
		return exitTokenRejected
	default:
		slog.Error("the agent ends", "err", err)
		return exitFailed
	}
}
