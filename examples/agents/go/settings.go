package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

type settings struct {
	address string
	token   string
	// caFile has the authorities to trust, PEM; empty trusts those of the system.
	caFile  string
	name    string
	dataDir string
}

func readSettings() (settings, error) {
	hostname, _ := os.Hostname()
	s := settings{
		address: setting("WINDLASS_ADDRESS", "http://127.0.0.1:7070"),
		token:   os.Getenv("WINDLASS_AGENT_TOKEN"),
		caFile:  os.Getenv("WINDLASS_CA_FILE"),
		name:    setting("WINDLASS_AGENT_NAME", hostname),
		dataDir: setting("WINDLASS_AGENT_DATA_DIR", "windlass-agent-data"),
	}
	if s.token == "" {
		return s, errors.New("WINDLASS_AGENT_TOKEN is empty: `windlass token create --pool POOL --name NAME` makes a token")
	}
	// Jobs must not see it.
	os.Unsetenv("WINDLASS_AGENT_TOKEN")
	var err error
	s.dataDir, err = filepath.Abs(s.dataDir)
	return s, err
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// dial makes a connection that is opened with the first call.
func (s settings) dial() (*grpc.ClientConn, error) {
	address, err := url.Parse(s.address)
	if err != nil {
		return nil, err
	}
	creds, err := s.credentials(address.Scheme)
	if err != nil {
		return nil, err
	}
	// The agent itself waits between two tries [session.backoff].
	quick := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}
	return grpc.NewClient(address.Host,
		grpc.WithTransportCredentials(creds),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: 10 * time.Second}),
		grpc.WithUserAgent("windlass-agent-go/"+version))
}

func (s settings) credentials(scheme string) (credentials.TransportCredentials, error) {
	switch scheme {
	case "http":
		return insecure.NewCredentials(), nil
	case "https":
		if s.caFile == "" {
			return credentials.NewTLS(&tls.Config{}), nil
		}
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM form", s.caFile)
		}
		return credentials.NewTLS(&tls.Config{RootCAs: pool}), nil
	default:
		return nil, fmt.Errorf("WINDLASS_ADDRESS is %q: expected http://host:port or https://host:port", s.address)
	}
}
