// Command edges makes calls that do not go well, each as the client sees it. The run that it starts waits until somebody
// cancels it. Its test copies it into the example's module.
//
//	edges FOLDER
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"example.com/windlass-connect-client/client"
	windlassv1 "windlass.dev/gen/go/windlass/v1"
)

const name = "edges"

func main() {
	if err := edges(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func edges(folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c, err := client.Connect(client.FromEnvironment())
	if err != nil {
		return err
	}
	refused(ctx, c)
	if err := mistrusted(ctx); err != nil {
		return err
	}
	id, err := startRun(ctx, c, folder)
	if err != nil {
		return err
	}
	if err := errors.Join(late(ctx, c, id), canceled(ctx, c, id)); err != nil {
		return err
	}
	return watchOverRestart(ctx, c, id)
}

// refused shows the server's rules to a client that does not know them.
func refused(ctx context.Context, c *client.Client) {
	request := &windlassv1.CreateAgentPoolRequest{Name: "A B", Description: strings.Repeat("!", 2000)}
	_, err := c.Pools.CreateAgentPool(ctx, connect.NewRequest(request))
	fmt.Println("refused:", client.Explain(err))
}

// mistrusted calls without knowledge of the private authority. A client that waits for the server would do so until its deadline.
func mistrusted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	settings := client.FromEnvironment()
	settings.CAFile = ""
	c, err := client.Connect(settings)
	if err != nil {
		return err
	}
	_, err = c.System.GetServerInfo(ctx, connect.NewRequest(&windlassv1.GetServerInfoRequest{}))
	fmt.Println("with another authority:", connect.CodeOf(err))
	return nil
}

func startRun(ctx context.Context, c *client.Client, folder string) (string, error) {
	archive, err := client.Pack(folder)
	if err != nil {
		return "", err
	}
	pool := connect.NewRequest(&windlassv1.CreateAgentPoolRequest{Name: name})
	if _, err := c.Pools.CreateAgentPool(ctx, pool); err != nil {
		return "", err
	}
	agent := windlassv1.ExecutionMode_EXECUTION_MODE_AGENT
	workspace := &windlassv1.Workspace{Name: name, ExecutionMode: agent, AgentPool: name}
	request := connect.NewRequest(&windlassv1.CreateWorkspaceRequest{Workspace: workspace})
	if _, err := c.Workspaces.CreateWorkspace(ctx, request); err != nil {
		return "", err
	}
	if _, err := c.Upload(ctx, name, archive); err != nil {
		return "", err
	}
	created, err := c.Runs.CreateRun(ctx, connect.NewRequest(&windlassv1.CreateRunRequest{Workspace: name}))
	if err != nil {
		return "", err
	}
	id := created.Msg.GetRun().GetId()
	fmt.Println("created", id)
	return id, nil
}

// late watches for a second a run that does not move.
func late(ctx context.Context, c *client.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := c.Runs.WatchRun(ctx, connect.NewRequest(&windlassv1.WatchRunRequest{RunId: id}))
	if err != nil {
		return err
	}
	for stream.Receive() {
	}
	fmt.Println("late:", connect.CodeOf(stream.Err()))
	return nil
}

func canceled(ctx context.Context, c *client.Client, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Runs.WatchRun(ctx, connect.NewRequest(&windlassv1.WatchRunRequest{RunId: id}))
	if err != nil {
		return err
	}
	stream.Receive()
	cancel()
	for stream.Receive() {
	}
	fmt.Println("canceled:", connect.CodeOf(stream.Err()))
	return nil
}

// watchOverRestart watches the run to its end and makes other calls all the time.
func watchOverRestart(ctx context.Context, c *client.Client, id string) error {
	over, stop := context.WithCancel(ctx)
	failed := make(chan int)
	go func() { failed <- failures(over, c) }()
	var state windlassv1.RunState
	err := c.Watch(ctx, id, func(run *windlassv1.Run) bool {
		if run.GetState() != state {
			state = run.GetState()
			fmt.Println(id, "is", state)
		}
		return false
	})
	stop()
	fmt.Println("failed with retries:", <-failed)
	return err
}

// failures makes one call after the other until it is over, and counts those that failed before.
func failures(over context.Context, c *client.Client) int {
	for failed := 0; ; {
		_, err := c.System.GetServerInfo(over, connect.NewRequest(&windlassv1.GetServerInfoRequest{}))
		if over.Err() != nil {
			return failed
		}
		if err != nil {
			failed++
		}
		time.Sleep(10 * time.Millisecond)
	}
}
