package client

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	windlassv1 "windlass.dev/gen/go/windlass/v1"
)

// Each piece of an upload holds at most 1 MiB.
const pieceBytes = 1 << 20

// PagesOfPools lists all pools, a page at a time.
func (c *Client) PagesOfPools(ctx context.Context, size int32) iter.Seq2[[]*windlassv1.AgentPool, error] {
	return func(yield func([]*windlassv1.AgentPool, error) bool) {
		request := &windlassv1.ListAgentPoolsRequest{PageSize: size}
		for {
			page, err := c.Pools.ListAgentPools(ctx, request)
			request.PageToken = page.GetNextPageToken()
			if !yield(page.GetAgentPools(), err) || err != nil || request.PageToken == "" {
				return
			}
		}
	}
}

// Pack makes a tar archive, packed with gzip, of the files of a folder.
func Pack(folder string) ([]byte, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	if err := archive.AddFS(os.DirFS(folder)); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return packed.Bytes(), err
}

// Upload stores an archive (tar, gzip) as the newest configuration of a workspace: a header, then the bytes.
func (c *Client) Upload(ctx context.Context, workspace string, archive []byte) (*windlassv1.ConfigurationVersion, error) {
	stream, err := c.Configurations.UploadConfiguration(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(archive)
	part := &windlassv1.UploadConfigurationRequest{Part: &windlassv1.UploadConfigurationRequest_Header{
		Header: &windlassv1.UploadConfigurationHeader{
			Workspace: workspace,
			SizeBytes: uint64(len(archive)),
			Sha256:    hex.EncodeToString(sum[:]),
		},
	}}
	err = stream.Send(part)
	for piece := range slices.Chunk(archive, pieceBytes) {
		if err != nil {
			break // After a refusal Send says no more than io.EOF: CloseAndRecv says why.
		}
		part.Part = &windlassv1.UploadConfigurationRequest_Chunk{Chunk: piece}
		err = stream.Send(part)
	}
	answer, err := stream.CloseAndRecv()
	return answer.GetConfigurationVersion(), err
}

// Watch gives the run as it is, and again at each change, until enough answers true or the run has ended.
func (c *Client) Watch(ctx context.Context, runID string, enough func(*windlassv1.Run) bool) error {
	request := &windlassv1.WatchRunRequest{RunId: runID}
	open := func(ctx context.Context) (grpc.ServerStreamingClient[windlassv1.WatchRunResponse], error) {
		return c.Runs.WatchRun(ctx, request)
	}
	return resumed(ctx, open, func(answer *windlassv1.WatchRunResponse) (bool, error) {
		return enough(answer.GetRun()), nil
	})
}

// CopyLog writes the log of a phase as the bytes that they are, to its end. It answers how many there are and how many were
// lost for good.
func (c *Client) CopyLog(
	ctx context.Context, to io.Writer, runID string, phase windlassv1.RunPhase,
) (kept, lost uint64, err error) {
	request := &windlassv1.StreamRunLogsRequest{RunId: runID, Phase: phase, Follow: true}
	open := func(ctx context.Context) (grpc.ServerStreamingClient[windlassv1.StreamRunLogsResponse], error) {
		return c.Runs.StreamRunLogs(ctx, request)
	}
	err = resumed(ctx, open, func(piece *windlassv1.StreamRunLogsResponse) (bool, error) {
		kept += uint64(len(piece.GetChunk()))
		lost = piece.GetMissingBytes()
		// After a break it goes on from here.
		request.Offset = piece.GetOffset() + uint64(len(piece.GetChunk()))
		_, err := to.Write(piece.GetChunk())
		return false, err
	})
	return kept, lost, err
}

// resumed hands each answer of a stream to take until that has enough, and opens the stream again when the server was away.
func resumed[Answer any](
	ctx context.Context,
	open func(context.Context) (grpc.ServerStreamingClient[Answer], error),
	take func(*Answer) (enough bool, err error),
) error {
	for {
		err := readStream(ctx, open, take)
		if status.Code(err) != codes.Unavailable {
			return err
		}
		fmt.Fprintln(os.Stderr, "the server is away, asking again:", Explain(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryDelay(err)):
		}
	}
}

func readStream[Answer any](
	ctx context.Context,
	open func(context.Context) (grpc.ServerStreamingClient[Answer], error),
	take func(*Answer) (enough bool, err error),
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Tells the server that nobody reads any more.
	stream, err := open(ctx)
	if err != nil {
		return err
	}
	for {
		answer, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if enough, err := take(answer); enough || err != nil {
			return err
		}
	}
}
