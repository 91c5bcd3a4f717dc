// Command windlass-client goes from nothing to an applied run: it makes a pool, a token for an agent and a workspace, all
// called NAME (walk if absent), uploads FOLDER, starts a run, waits for an agent of yours to plan it, confirms the plan and
// keeps both logs.
//
//	windlass-client FOLDER [NAME]
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"buf.build/go/protovalidate"
	"example.com/windlass-client/client"
	"github.com/google/uuid"
	"google.golang.org/grpc/status"
	windlassv1 "windlass.dev/gen/go/windlass/v1"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: windlass-client FOLDER [NAME]")
		os.Exit(2)
	}
	name := "walk"
	if len(os.Args) > 2 {
		name = os.Args[2]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := walk(ctx, os.Args[1], name); err != nil {
		fmt.Fprintln(os.Stderr, words(err))
		os.Exit(1)
	}
}

func words(err error) string {
	if _, refused := status.FromError(err); refused {
		return "refused: " + client.Explain(err)
	}
	return err.Error()
}

func walk(ctx context.Context, folder, name string) error {
	c, err := client.Connect(client.FromEnvironment())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := createPool(ctx, c, name); err != nil {
		return err
	}
	if err := createWorkspace(ctx, c, name); err != nil {
		return err
	}
	archive, err := client.Pack(folder)
	if err != nil {
		return err
	}
	uploaded, err := c.Upload(ctx, name, archive)
	if err != nil {
		return err
	}
	fmt.Println("uploaded", uploaded.GetSizeBytes(), "bytes")
	return planAndApply(ctx, c, name)
}

func createPool(ctx context.Context, c *client.Client, name string) error {
	// With a request_id a repeated call finds the pool that the first one made.
	request := &windlassv1.CreateAgentPoolRequest{Name: name, RequestId: uuid.NewString()}
	// The rules of the proto, before anything is sent; the server has the same.
	if err := protovalidate.Validate(request); err != nil {
		return fmt.Errorf("not sent: %w", err)
	}
	if _, err := c.Pools.CreateAgentPool(ctx, request); err != nil {
		return err
	}
	number := 1
	for pools, err := range c.PagesOfPools(ctx, 2) {
		if err != nil {
			return err
		}
		fmt.Printf("page %d:", number)
		for _, pool := range pools {
			fmt.Printf(" %s", pool.GetName())
		}
		fmt.Println()
		number++
	}
	token, err := c.Tokens.CreateAgentToken(ctx, &windlassv1.CreateAgentTokenRequest{AgentPool: name, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	fmt.Println("agent.token is ready for an agent")
	return os.WriteFile("agent.token", []byte(token.GetSecret()), 0o600)
}

func createWorkspace(ctx context.Context, c *client.Client, name string) error {
	_, err := c.Workspaces.CreateWorkspace(ctx, &windlassv1.CreateWorkspaceRequest{
		Workspace: &windlassv1.Workspace{
			Name:          name,
			ExecutionMode: windlassv1.ExecutionMode_EXECUTION_MODE_AGENT,
			AgentPool:     name,
		},
		RequestId: uuid.NewString(),
	})
	return err
}

func planAndApply(ctx context.Context, c *client.Client, workspace string) error {
	created, err := c.Runs.CreateRun(ctx, &windlassv1.CreateRunRequest{
		Workspace: workspace,
		Message:   "Привет из Go",
		RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	id := created.GetRun().GetId()
	fmt.Printf("%s: %s\n", id, created.GetRun().GetMessage())

	planned, err := watch(ctx, c, id, windlassv1.RunState_RUN_STATE_PLANNED)
	if err != nil {
		return err
	}
	if err := keepLog(ctx, c, id, windlassv1.RunPhase_RUN_PHASE_PLAN, "plan.log"); err != nil {
		return err
	}
	// Exactly the plan whose log was read is applied.
	confirmation := &windlassv1.ConfirmRunRequest{RunId: id, PlanSha256: planned.GetPlanSha256()}
	if _, err := c.Runs.ConfirmRun(ctx, confirmation); err != nil {
		return err
	}
	if _, err := watch(ctx, c, id, windlassv1.RunState_RUN_STATE_APPLIED); err != nil {
		return err
	}
	return keepLog(ctx, c, id, windlassv1.RunPhase_RUN_PHASE_APPLY, "apply.log")
}

// watch says each change until the run is in the state that is wanted. One that ends in another is an error.
func watch(
	ctx context.Context, c *client.Client, id string, wanted windlassv1.RunState,
) (*windlassv1.Run, error) {
	run := &windlassv1.Run{}
	err := c.Watch(ctx, id, func(now *windlassv1.Run) bool {
		if now.GetState() != run.GetState() {
			fmt.Println(id, "is", now.GetState())
		}
		run = now
		return run.GetState() == wanted
	})
	if err == nil && run.GetState() != wanted {
		err = fmt.Errorf("%s has ended: %s", id, run.GetErrorMessage())
	}
	return run, err
}

func keepLog(ctx context.Context, c *client.Client, id string, phase windlassv1.RunPhase, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	kept, lost, err := c.CopyLog(ctx, file, id, phase)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, %d lost\n", path, kept, lost)
	return file.Close()
}
