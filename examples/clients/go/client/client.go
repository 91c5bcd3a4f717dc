// Package client connects to windlassd, uploads a configuration, starts a run and follows it to its end.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	windlassv1 "windlass.dev/gen/go/windlass/v1"
)

// Calls wait while the server is away, and are repeated when it goes away meanwhile. That is safe for what only reads and for
// what carries a request_id; another change that had happened already, such as a confirmation, is refused the second time.
// Unary calls have 30 s, streams as long as they last: one that breaks off is opened again by hand (see whileAway).
const serviceConfig = `{
  "methodConfig": [
    {
      "name": [{}],
      "timeout": "30s",
      "waitForReady": true,
      "retryPolicy": {
        "maxAttempts": 5,
        "initialBackoff": "0.5s",
        "maxBackoff": "5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    },
    {
      "name": [
        {"service": "windlass.v1.RunService", "method": "WatchRun"},
        {"service": "windlass.v1.RunService", "method": "StreamRunLogs"},
        {"service": "windlass.v1.ConfigurationService", "method": "UploadConfiguration"},
        {"service": "windlass.v1.SystemService", "method": "StreamProbe"}
      ],
      "waitForReady": true
    }
  ]
}`

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

// Client has a stub for each service that the example uses, over one connection.
type Client struct {
	System         windlassv1.SystemServiceClient
	Pools          windlassv1.AgentPoolServiceClient
	Tokens         windlassv1.AgentTokenServiceClient
	Workspaces     windlassv1.WorkspaceServiceClient
	Configurations windlassv1.ConfigurationServiceClient
	Runs           windlassv1.RunServiceClient
	conn           *grpc.ClientConn
}

// Connect makes a client. It does not wait for the server: the first call does.
func Connect(settings Settings) (*Client, error) {
	address, err := url.Parse(settings.Address)
	if err != nil {
		return nil, err
	}
	transport, err := transportCredentials(address.Scheme, settings.CAFile)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(settings.TokenFile)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(address.Host,
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer(bytes.TrimSpace(token))),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// Finds out that the network is gone while a watch waits.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second}),
	)
	if err != nil {
		return nil, err
	}
	return &Client{
		System:         windlassv1.NewSystemServiceClient(conn),
		Pools:          windlassv1.NewAgentPoolServiceClient(conn),
		Tokens:         windlassv1.NewAgentTokenServiceClient(conn),
		Workspaces:     windlassv1.NewWorkspaceServiceClient(conn),
		Configurations: windlassv1.NewConfigurationServiceClient(conn),
		Runs:           windlassv1.NewRunServiceClient(conn),
		conn:           conn,
	}, nil
}

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.conn.Close() }

func transportCredentials(scheme, caFile string) (credentials.TransportCredentials, error) {
	switch {
	case scheme == "http":
		return insecure.NewCredentials(), nil
	case scheme != "https":
		return nil, errors.New("set WINDLASS_ADDRESS to http://host:port or https://host:port")
	case caFile == "":
		return credentials.NewTLS(&tls.Config{}), nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", caFile)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: authorities}), nil
}

// bearer sends an API key with each call.
type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

// windlassd serves plaintext on loopback only, unless it was told otherwise.
func (bearer) RequireTransportSecurity() bool { return false }
