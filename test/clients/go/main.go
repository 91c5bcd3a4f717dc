// Command edges makes calls that do not go well, each as the client sees it. The run that it starts waits until somebody
// cancels it. Its test copies it into the example's module.
//
//	edges FOLDER
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/windlass-client/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
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
	defer c.Close()
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
	_, err := c.Pools.CreateAgentPool(ctx, request)
	fmt.Println("refused:", client.Explain(err))
}

// mistrusted calls without knowledge of the private authority. A client that waits for the server would do so until its deadline.
func mistrusted(ctx context.Context) error {
	conn, err := connectWithoutRetries(credentials.NewTLS(&tls.Config{}))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = windlassv1.NewSystemServiceClient(conn).GetServerInfo(ctx, &windlassv1.GetServerInfoRequest{})
	fmt.Println("with another authority:", status.Code(err))
	return nil
}

func startRun(ctx context.Context, c *client.Client, folder string) (string, error) {
	archive, err := client.Pack(folder)
	if err != nil {
		return "", err
	}
	if _, err := c.Pools.CreateAgentPool(ctx, &windlassv1.CreateAgentPoolRequest{Name: name}); err != nil {
		return "", err
	}
	agent := windlassv1.ExecutionMode_EXECUTION_MODE_AGENT
	workspace := &windlassv1.Workspace{Name: name, ExecutionMode: agent, AgentPool: name}
	if _, err := c.Workspaces.CreateWorkspace(ctx, &windlassv1.CreateWorkspaceRequest{Workspace: workspace}); err != nil {
		return "", err
	}
	if _, err := c.Upload(ctx, name, archive); err != nil {
		return "", err
	}
	created, err := c.Runs.CreateRun(ctx, &windlassv1.CreateRunRequest{Workspace: name})
	fmt.Println("created", created.GetRun().GetId())
	return created.GetRun().GetId(), err
}

// late watches for a second a run that does not move.
func late(ctx context.Context, c *client.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := c.Runs.WatchRun(ctx, &windlassv1.WatchRunRequest{RunId: id})
	if err != nil {
		return err
	}
	for err == nil {
		_, err = stream.Recv()
	}
	fmt.Println("late:", status.Code(err))
	return nil
}

func canceled(ctx context.Context, c *client.Client, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Runs.WatchRun(ctx, &windlassv1.WatchRunRequest{RunId: id})
	if err != nil {
		return err
	}
	if _, err = stream.Recv(); err != nil {
		return err
	}
	cancel()
	_, err = stream.Recv()
	fmt.Println("canceled:", status.Code(err))
	return nil
}

// watchOverRestart watches the run to its end and makes other calls all the time: those of the client, and some without its
// policy for retries.
func watchOverRestart(ctx context.Context, c *client.Client, id string) error {
	transport, err := credentials.NewClientTLSFromFile(os.Getenv("WINDLASS_CA_FILE"), "")
	if err != nil {
		return err
	}
	bare, err := connectWithoutRetries(transport)
	if err != nil {
		return err
	}
	defer bare.Close()
	over, stop := context.WithCancel(ctx)
	with, without := make(chan int), make(chan int)
	go func() { with <- failures(over, c.System) }()
	go func() { without <- failures(over, windlassv1.NewSystemServiceClient(bare)) }()
	var state windlassv1.RunState
	err = c.Watch(ctx, id, func(run *windlassv1.Run) bool {
		if run.GetState() != state {
			state = run.GetState()
			fmt.Println(id, "is", state)
		}
		return false
	})
	stop()
	fmt.Println("failed with retries:", <-with)
	fmt.Println("some failed without:", <-without > 0)
	return err
}

func connectWithoutRetries(transport credentials.TransportCredentials) (*grpc.ClientConn, error) {
	address, err := url.Parse(os.Getenv("WINDLASS_ADDRESS"))
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(address.Host, grpc.WithTransportCredentials(transport))
}

// failures makes one call after the other until it is over, and counts those that failed before.
func failures(over context.Context, system windlassv1.SystemServiceClient) int {
	for failed := 0; ; {
		_, err := system.GetServerInfo(over, &windlassv1.GetServerInfoRequest{})
		if over.Err() != nil {
			return failed
		}
		if err != nil {
			failed++
		}
		time.Sleep(10 * time.Millisecond)
	}
}
