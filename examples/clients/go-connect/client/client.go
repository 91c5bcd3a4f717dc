// Package client connects to windlassd with connect-go, over gRPC or, where a proxy speaks only HTTP/1.1, the Connect protocol.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"windlass.dev/gen/go/windlass/v1/windlassv1connect"
)

// Settings say where the server is and who calls.
type Settings struct {
	// Address is http://host:port or https://host:port.
	Address string
	// TokenFile has an API key.
	TokenFile string
	// CAFile has the certificates to trust, PEM; empty trusts what the system does.
	CAFile string
}

// FromEnvironment reads the variables that the command windlass reads.
func FromEnvironment() Settings {
	return Settings{
		Address:   os.Getenv("WINDLASS_ADDRESS"),
		TokenFile: os.Getenv("WINDLASS_TOKEN_FILE"),
		CAFile:    os.Getenv("WINDLASS_CA_FILE"),
	}
}

// Client has a client for each service that the example uses, over one connection.
type Client struct {
	System         windlassv1connect.SystemServiceClient
	Pools          windlassv1connect.AgentPoolServiceClient
	Tokens         windlassv1connect.AgentTokenServiceClient
	Workspaces     windlassv1connect.WorkspaceServiceClient
	Configurations windlassv1connect.ConfigurationServiceClient
	Runs           windlassv1connect.RunServiceClient
}

// Connect makes a client. It does not connect: the first call does.
func Connect(settings Settings) (*Client, error) {
	token, err := os.ReadFile(settings.TokenFile)
	if err != nil {
		return nil, err
	}
	http2, err := transport(settings.CAFile)
	if err != nil {
		return nil, err
	}
	web, address := &http.Client{Transport: http2}, settings.Address
	options := connect.WithClientOptions(
		connect.WithGRPC(), // Without this line it speaks Connect, which passes every proxy.
		connect.WithInterceptors(bearer(strings.TrimSpace(string(token))), retries{}),
	)
	return &Client{
		System:         windlassv1connect.NewSystemServiceClient(web, address, options),
		Pools:          windlassv1connect.NewAgentPoolServiceClient(web, address, options),
		Tokens:         windlassv1connect.NewAgentTokenServiceClient(web, address, options),
		Workspaces:     windlassv1connect.NewWorkspaceServiceClient(web, address, options),
		Configurations: windlassv1connect.NewConfigurationServiceClient(web, address, options),
		Runs:           windlassv1connect.NewRunServiceClient(web, address, options),
	}, nil
}

// transport speaks HTTP/2 with TLS and without.
func transport(caFile string) (*http.Transport, error) {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	made := &http.Transport{
		Proxy:     http.ProxyFromEnvironment,
		Protocols: &protocols,
		// Finds out that the network is gone while a watch waits.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second},
	}
	if caFile == "" {
		return made, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", caFile)
	}
	made.TLSClientConfig = &tls.Config{RootCAs: authorities}
	return made, nil
}

// bearer sends an API key with each call.
type bearer string

func (token bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		request.Header().Set("Authorization", "Bearer "+string(token))
		return next(ctx, request)
	}
}

func (token bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		stream := next(ctx, spec)
		stream.RequestHeader().Set("Authorization", "Bearer "+string(token))
		return stream
	}
}

func (bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
